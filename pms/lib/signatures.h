/* pms/lib/signatures.h - what assets knows operating systems and programs by
 *
 * An entry is a line of text, here and in the module's options:
 *
 *	os syn|synack TTL WINDOW OPTIONS NAME...
 *	service /REGEX/ NAME...        of the bytes that a server sends first
 *	client /REGEX/ NAME...         of the bytes that a client sends first
 *
 *  TTL      with which the packet was sent: the next of 32, 64, 128, 255 at or above the one seen
 *  WINDOW   a number, N*mss, or *
 *  OPTIONS  of TCP in their order: mss, nop, ws, sok, ts, eol, ?N (kind N), or - for none
 *  REGEX    extended POSIX, matched at the beginning; its last group is what is told of the version.  \xNN,
 *           \r, \n and \t are bytes (a zero counts as \xff).  It must contain what ends the matched text (a
 *           line end, say), so that it does not match half of it
 *
 * The first entry that fits counts (of expressions, the one whose match ends first).  Those of the options
 * come before these.  The table is our own: what stock systems have been seen to send.  Who answers
 * (synack) repeats only options that were offered, so answers are told apart less well.
 */
#ifndef FLOWOS_PMS_LIB_SIGNATURES_H
#define FLOWOS_PMS_LIB_SIGNATURES_H

static const char *const fos_signatures[] = {
	"os syn 64 44*mss mss,sok,ts,nop,ws Linux 4.19 or newer",
	"os syn 64 20*mss mss,sok,ts,nop,ws Linux 3.x or 4.x",
	"os syn 64 10*mss mss,sok,ts,nop,ws Linux 3.x",
	"os syn 64 4*mss mss,sok,ts,nop,ws Linux 2.6",
	"os syn 64 65535 mss,sok,ts,nop,ws Linux (Android)",
	"os syn 64 * mss,sok,ts,nop,ws Linux",
	"os syn 64 65535 mss,nop,ws,nop,nop,ts,sok,eol macOS or iOS",
	"os syn 64 65535 mss,nop,ws,sok,ts FreeBSD",
	"os syn 64 16384 mss,nop,nop,sok,nop,ws,nop,nop,ts OpenBSD",
	"os syn 64 32768 mss,nop,ws,sok,ts NetBSD",
	"os syn 128 64240 mss,nop,ws,nop,nop,sok Windows 10 or newer",
	"os syn 128 65535 mss,nop,ws,nop,nop,sok Windows 10 or newer",
	"os syn 128 8192 mss,nop,ws,nop,nop,sok Windows 7 or 8",
	"os syn 128 * mss,nop,ws,nop,nop,sok Windows",
	"os syn 128 * mss,nop,nop,sok Windows XP",
	"os syn 255 4128 mss Cisco IOS",
	"os synack 64 * mss,sok,ts,nop,ws Linux",
	"os synack 64 * mss,nop,nop,sok,nop,ws Linux",
	"os synack 64 * mss,nop,ws,sok,ts FreeBSD",
	"os synack 64 * mss,nop,ws,nop,nop,ts,sok,eol macOS",
	"os synack 128 * mss,nop,ws,sok,ts Windows",
	"os synack 128 * mss,nop,ws,nop,nop,sok Windows",
	"os synack 255 4128 mss Cisco IOS",

	"service /SSH-[0-9.]+-([^\r\n ]+)[\r\n ]/ ssh",
	"service /HTTP\\/[0-9.]+ [0-9]+[^\n]*\n([^\r\n][^\n]*\n)*"
	"[Ss][Ee][Rr][Vv][Ee][Rr]: *([^\r\n]*)\r?\n/ http",
	"service /HTTP\\/[0-9.]+ [0-9]+[^\n]*\n([^\r\n][^\n]*\n)*\r?\n()/ http",
	"service /220[ -][^\r\n]*(vsFTPd [0-9.]+|ProFTPD [0-9.]+|FTP)[^\n]*\n/ ftp",
	"service /220[ -][^\r\n]*(Postfix|Exim [0-9.]+|Sendmail [0-9.\\/]+|ESMTP|SMTP)[^\n]*\n/ smtp",
	"service /\\* OK [^\r\n]*(Dovecot|Cyrus IMAP|IMAP4rev1)[^\n]*\n/ imap",
	"service /\\+OK ([^\r\n]*)\r?\n/ pop3",
	"service /.\\x00\\x00\\x00\x0a([0-9]+\\.[0-9.]+[^\\x00]*)\\x00/ mysql",
	"service /\\x16\\x03[\\x01-\\x03]..\\x02()/ tls",
	"service /RFB ([0-9.]+)\n/ vnc",
	"service /\\+PONG\r?\n()/ redis",

	"client /[A-Z]+ [^ \r\n]+ HTTP\\/[0-9.]+\r?\n([^\r\n][^\n]*\n)*"
	"[Uu]ser-[Aa]gent: *([^\r\n]*)\r?\n/ http",
	"client /SSH-[0-9.]+-([^\r\n ]+)[\r\n ]/ ssh",
	"client /\\x16\\x03[\\x01-\\x03]..\\x01()/ tls",
	"client /(EHLO|HELO) [^\r\n]*\r?\n()/ smtp",
	"client /PRI \\* HTTP\\/2\\.0\r\n\r\n/ http2",
};

#endif
