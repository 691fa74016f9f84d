# corpus.sh - what the corpus tests share: where the captures are.  To be sourced after lib.sh.
# The corpus (captures with known results) lies beside the project, not in it.
CORPUS=$(realpath -m "${FLOWOS_CORPUS:-../shared/corpus}")
[ -f "$CORPUS/MANIFEST.tsv" ] || skip_all "no corpus at $CORPUS (set FLOWOS_CORPUS)"

# The captures of a table (first column, first line is the heading).
captures() { tail -n +2 "$CORPUS/$1" | cut -f1 | sort -u; }

verify() { # result, table [--core]
	"$PYTHON" "$CORPUS/tools/verify.py" "$1" "$CORPUS/$2" ${3:+"$3"}
}
