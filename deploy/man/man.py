#!/usr/bin/env python3
"""man.py OUT - the manual pages, made from what the sources say of themselves.

OUT/man3/fos_pm.3 from pmhost/pm.h and the headers it includes, with the examples of
deploy/man/examples.c; a page for each function that leads there.  OUT/man8/PROGRAM.8 from the comment
at the head of each program's main.  Called from the top of the source tree.
"""
import os
import re
import sys

HEADER = "pmhost/pm.h"
EXAMPLES = "deploy/man/examples.c"
MAINS = ("shm/keeper_main.c ingress/main.c classifier/main.c pmhost/main.c egress/main.c "
         "deploy/ctl/main.c deploy/pmtest/main.c").split()
FUNCTION = re.compile(r"\b(fos_[a-z0-9_]+)\((?!\*)")


# ---- troff ------------------------------------------------------------------------------------

def escape(text):
    text = text.replace("\\", "\\(rs").replace("-", "\\-")
    return re.sub(r"(?m)^([.'])", r"\\&\1", text)


def literal(lines):
    return [".RS 4", ".nf"] + [escape(x.expandtabs(8)) for x in lines] + [".fi", ".RE"]


def is_literal(line):
    """Indented, or a table: columns two blanks or more apart (but for the ends of sentences)."""
    return line.startswith(("\t", "    ")) or re.search(r"[^\s.:?!;)]\s{2,}\S", line)


def prose(text):
    """Paragraphs and indented blocks of a comment."""
    out = []
    for part in re.split(r"\n[ \t]*\n", text.strip("\n")):
        lines = part.split("\n")
        while lines:
            same = 1
            kind = bool(is_literal(lines[0]))
            while same < len(lines) and bool(is_literal(lines[same])) == kind:
                same += 1
            block, lines = lines[:same], lines[same:]
            if kind:
                strip = os.path.commonprefix([re.match(r"\s*", x).group() for x in block if x])
                out += literal([x[len(strip):] for x in block])
            else:
                out += [escape(x.strip()) for x in block]
        out.append(".PP")
    return out[:-1] if out and out[-1] == ".PP" else out


def page(name, section, about):
    return ['.\\" made by deploy/man/man.py: change the sources instead',
            '.TH %s %s "" FlowOS "%s"' % (name.upper(), section, about)]


def write(path, lines):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        f.write("\n".join(lines) + "\n")


# ---- headers ----------------------------------------------------------------------------------

def uncomment(text):
    """The words of a /* comment */."""
    text = re.sub(r"^/\*+ ?|\s*\*/$", "", text.strip())
    return "\n".join(re.sub(r"^\s*\*( |(?=\t)|$)", "", x) for x in text.split("\n"))


def chunks(path):
    """(comment, code) of each paragraph of a header; a comment alone has code ""."""
    text = open(path).read()
    text = re.sub(r"(?s)\A/\*.*?\*/\n", "", text)
    text = re.sub(r"(?m)^#(ifndef|ifdef|endif|include|error|if|else|pragma)\b.*\n", "", text)
    at, out = 0, []
    while at < len(text):
        m = re.compile(r"\s*(/\*.*?\*/)?[ \t]*\n?", re.S).match(text, at)
        comment, at = m.group(1), m.end()
        m = re.compile(r"(?:(?!\n[ \t]*\n|\n/\*|^/\*).)*", re.S).match(text, at)
        code, at = m.group().strip("\n"), m.end()
        # blank lines within braces do not end a declaration
        while code.count("{") > code.count("}"):
            m = re.compile(r"\n(?:(?!\n[ \t]*\n).)*", re.S).match(text, at)
            code, at = code + m.group(), m.end()
        if comment is None and not code:
            at += 1
            continue
        out.append((uncomment(comment) if comment else "", code))
    return out


def leading(path):
    return uncomment(re.match(r"(?s)/\*.*?\*/", open(path).read()).group())


def declared(code):
    """Functions that a piece of header declares."""
    bare = re.sub(r"/\*.*?\*/", "", code, flags=re.S)
    if bare.lstrip().startswith(("#define", "struct", "enum", "typedef")) and "{" in bare:
        bare = re.sub(r"\{.*?\}", "", bare, flags=re.S)
    return [m.group(1) for m in re.finditer(r"(?m)^[a-z][^;#=\n]*?\*?\b(fos_[a-z0-9_]+)\(", bare)]


def examples():
    """Marked pieces of examples.c: [(functions used, lines)]."""
    out = []
    for part in re.split(r"(?m)^/\* --.*\*/\n", open(EXAMPLES).read())[1:]:
        lines = part.rstrip().split("\n")
        out.append((set(FUNCTION.findall(part)), lines))
    return out


def entry(comment, code, given, seen):
    out = [".PP", ".nf", ".B " + escape(code.split("\n")[0].expandtabs(8)).replace('"', '\\(dq')]
    out += ["\\fB" + escape(x.expandtabs(8)) + "\\fP" for x in code.split("\n")[1:]]
    out += [".fi", ".RS 4"] + prose(comment)
    for name in declared(code):
        for used, lines in given:
            if name not in used:
                continue
            where = seen.setdefault(id(lines), name)
            if where == name:
                out += [".PP", "Example:"] + literal(lines)
            elif where not in declared(code):
                out += [".PP", "Used in the example of %s()." % where]
            break
        else:
            print("man.py: no example of %s(): add one to %s" % (name, EXAMPLES), file=sys.stderr)
    return out + [".RE"]


def header_body(path, given, seen):
    out, names = [], []
    for comment, code in chunks(path):
        m = re.match(r"-{4,} ?([^\n]*)\n?(.*)", comment, re.S)
        if m:
            out += [".SS " + escape(m.group(1)[:1].upper() + m.group(1)[1:])] + prose(m.group(2))
            comment = ""
            if not code:
                continue
        if re.match(r"#define \w+_H$", code) or "FOS_PM_SECTION" in code or "__clang__" in code or "FOS_PM_QUIET" in code:
            continue
        names += declared(code)
        if code:
            out += entry(comment, code, given, seen)
        else:
            out += [".PP"] + prose(comment)
    return out, names


def reference(out_dir):
    included = re.findall(r'#include "(pmhost/pm_[a-z]+\.h)"', open(HEADER).read())
    top = leading(HEADER).split("\n", 1)
    given, seen = examples(), {}
    lines = page("fos_pm", 3, "Processing modules")
    lines += [".SH NAME", "fos_pm \\- write a processing module (PM) for FlowOS", ".SH SYNOPSIS", ".nf",
              "\\fB#include <pmhost/pm.h>\\fP", "",
              "cc \\-fPIC \\-shared $(pkg\\-config \\-\\-cflags flowos\\-pm) \\-o NAME.so NAME.c",
              "flowosctl pm test ./NAME.so \\-r in.pcap", ".fi",
              ".SH DESCRIPTION"] + prose(top[1])
    body, names = header_body(HEADER, given, seen)
    lines += [".SH REFERENCE", "Everything is in bytes unless it says otherwise; times are nanoseconds "
              "where a name ends in _ns, milliseconds where it ends in _ms."] + body
    for path in included:
        about = leading(path).split("\n\n", 1)
        title = about[0].split(" - ", 1)[-1].replace("\n", " ")
        lines += [".SH " + escape(title.upper())] + prose(about[1])
        body, more = header_body(path, given, seen)
        lines += body
        names += more
    lines += [".SH FILES", "/usr/lib/flowos/pm/NAME.so", ".SH SEE ALSO",
              "flowosctl(8), flowos\\-pmtest(8), flowos\\-pmhost(8); pms/README.md (/usr/share/doc/flowos/pms.md) is a tutorial"]
    write(out_dir + "/man3/fos_pm.3", lines)
    for name in names:
        write("%s/man3/%s.3" % (out_dir, name), [".so man3/fos_pm.3"])


# ---- programs ---------------------------------------------------------------------------------

def program(path, out_dir):
    text = uncomment(re.sub(r"\A/\*\+\+\n", "/* ", re.match(r"(?s)/\*.*?\*/", open(path).read()).group()))
    text = text.replace("\n\t", "\n")
    parts = re.split(r"(?m)^([A-Z][A-Z ]*[A-Z])(?:[ ]{2,}|$)\n?", text)[1:]
    lines, name = [], "?"
    for title, body in zip(parts[::2], parts[1::2]):
        body = re.sub(r"(?m)^ {14}", "", body)
        if title == "NAME":
            name = body.split(" - ")[0].strip()
            lines = page(name, 8, "Programs")
            body = body.replace(" - ", " \\- ", 1)
            lines += [".SH NAME", body.strip()]
        elif title == "SYNOPSIS":
            lines += [".SH SYNOPSIS", ".nf"] + [escape(x) for x in body.strip("\n").split("\n")] + [".fi"]
        else:
            lines += [".SH " + title] + prose(body)
    lines += [".SH SEE ALSO", "flowosctl(8), fos_pm(3); the README has the words"]
    write("%s/man8/%s.8" % (out_dir, name), lines)


def main(out_dir):
    reference(out_dir)
    for path in MAINS:
        program(path, out_dir)


main(*sys.argv[1:])
