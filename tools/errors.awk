# errors.awk - the tables of doc/errors/*.md as rows of C: {"PH1001", about, meaning, cure}.
# Use: awk -f errors.awk FILE...
function text(cell) {
	gsub(/^ +| +$/, "", cell)
	gsub(/["\\]/, "\\\\&", cell)
	return "\"" cell "\""
}
BEGIN { FS = "|" }
/^# / {
	about = $0
	sub(/^# PH[0-9]xxx: /, "", about)
}
/^\| *PH[0-9][0-9][0-9][0-9] *\|/ {
	print "\t{" text($2) ", " text(about) ", " text($3) ", " text($4) "},"
}
