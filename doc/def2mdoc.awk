# def2mdoc.awk - put the tables of lib/base/options.def and events.def into manual pages.
#
#	awk -f def2mdoc.awk options.def events.def page.in > page
#
# A line "@OPTIONS@" or "@EVENTS@" of the page is replaced by list items.

# The quoted text or number that starts the rest of an entry; takes it off.
function take(    text)
{
	sub(/^[ \t\n]*,?[ \t\n]*/, "", rest)
	if (rest ~ /^"/) {
		text = ""
		# neighbouring strings are one, as in C
		while (rest ~ /^"/) {
			match(rest, /^"[^"]*"/)
			text = text substr(rest, 2, RLENGTH - 2)
			rest = substr(rest, RLENGTH + 1)
			sub(/^[ \t\n]+/, "", rest)
		}
		return text
	}
	match(rest, /^[^,)]*/)
	text = substr(rest, 1, RLENGTH)
	rest = substr(rest, RLENGTH + 1)
	return text
}

function option(    name, standard, least, most, unit, meaning)
{
	take()
	name = take(); standard = take(); least = take(); most = take()
	unit = take(); meaning = take()
	options = options ".It Li " name "\n" sentence(meaning) "\nDefault " standard ", from " \
		least " to " most (unit == "count" ? "" : " " unit) ".\n"
}

function event(    name, meaning)
{
	name = take(); meaning = take()
	events = events ".It Li " name "\n" sentence(meaning) "\n"
}

# One sentence in lines of at most 79 characters.
function sentence(text,    out, at)
{
	text = toupper(substr(text, 1, 1)) substr(text, 2) "."
	while (length(text) > 79) {
		for (at = 79; substr(text, at, 1) != " "; at--)
			;
		out = out substr(text, 1, at - 1) "\n"
		text = substr(text, at + 1)
	}
	return out text
}

FILENAME ~ /\.def$/ {
	if (entry == "" && $0 !~ /^PH_(OPTION|LOG_EVENT)\("?[A-Za-z]/)
		next
	if (entry == "" && /^PH_OPTION\(NAME,|^PH_LOG_EVENT\("name"/)
		next
	entry = entry $0 "\n"
	if (entry !~ /\)[ \t\n]*$/)
		next
	kind = entry ~ /^PH_OPTION/ ? "option" : "event"
	rest = entry
	sub(/^[A-Z_]+\(/, "", rest)
	if (kind == "option")
		option()
	else
		event()
	entry = ""
	next
}

$0 == "@OPTIONS@" { printf "%s", options; next }
$0 == "@EVENTS@" { printf "%s", events; next }
{ print }
