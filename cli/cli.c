/*
 * How a command line is read: common options may stand anywhere; the first word that is no option
 * is the noun, the second its verb (unless the noun is its own verb), the rest belong to the verb,
 * whose table says which options there are. Nothing runs before all of it was understood.
 */
#include "cli/cli.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/assert.h"
#include "lib/base/fs.h"

static const ph_cli_option common[] = {
    {"json", NULL, "one JSON object per line"},
    {"socket", "PATH", "the broker's control socket"},
    {"c", "DIR", "the site directory"},
    {"help", NULL, "this help"},
    {NULL, NULL, NULL},
};
enum { COMMON_JSON, COMMON_SOCKET, COMMON_SITE, COMMON_HELP, COMMON_COUNT };

/* What has been read of one command line. */
typedef struct parse {
	ph_cli *cli;
	const ph_noun *const *nouns;
	const ph_noun *noun;		  /* NULL until seen */
	ph_args args;			  /* args.verb NULL until seen */
	const char *common[COMMON_COUNT]; /* as ph_args.values */
	bool only_operands;		  /* after "--" */
} parse;

/* --- complaints and output --- */

json_t *
ph_cli_code(const char *text)
{
	bool coded = strncmp(text, "PH", 2) == 0 && strspn(text + 2, "0123456789") == 4;
	return coded ? json_stringn(text, 6) : NULL;
}

int
ph_cli_fail(ph_cli *cli, const ph_error *err)
{
	if (cli->json) {
		json_t *line = json_pack("{s:{s:s, s:s, s:o*, s:s}}", "error", "status",
		    ph_status_name(err->status), "where", err->where, "code",
		    ph_cli_code(err->text), "text", err->text);
		if (line != NULL) {
			json_dumpf(line, cli->err, JSON_COMPACT);
			fputc('\n', cli->err);
		}
		json_decref(line);
	} else {
		fprintf(cli->err, "packhorse: %s%s%s\n", err->where,
		    err->where[0] != '\0' ? ": " : "", err->text);
	}
	return err->status == PH_ERR_USAGE ? PH_EXIT_USAGE : PH_EXIT_PROBLEM;
}

void
ph_cli_note(ph_cli *cli, const char *format, ...)
{
	char text[PH_ERROR_TEXT];
	va_list list;
	va_start(list, format);
	vsnprintf(text, sizeof text, format, list);
	va_end(list);
	json_t *line = cli->json ? json_pack("{s:{s:s}}", "note", "text", text) : NULL;
	if (line != NULL) {
		json_dumpf(line, cli->err, JSON_COMPACT);
		fputc('\n', cli->err);
	} else {
		fprintf(cli->err, "packhorse: %s\n", text);
	}
	json_decref(line);
}

int
ph_cli_usage(ph_cli *cli, const char *format, ...)
{
	ph_error err = {.status = PH_ERR_USAGE};
	va_list list;
	va_start(list, format);
	vsnprintf(err.text, sizeof err.text, format, list);
	va_end(list);
	return ph_cli_fail(cli, &err);
}

ph_status
ph_cli_slurp(const char *path, size_t limit, char **out, size_t *length, ph_error *err)
{
	ph_error why;
	ph_error_clear(&why);
	ph_status status = ph_fs_slurp(path, limit, out, length, &why);
	return status == PH_OK ? PH_OK : ph_fail(err, status, "PH7311 %s", why.text);
}

ph_status
ph_cli_list(
    const char *path, const char *suffix, char ***out, size_t *count, ph_error *err)
{
	ph_error why;
	ph_error_clear(&why);
	ph_status status = ph_fs_list(path, suffix, out, count, &why);
	return status == PH_OK ? PH_OK : ph_fail(err, status, "PH7311 %s", why.text);
}

const char *
ph_cli_s(size_t count)
{
	return count == 1 ? "" : "s";
}

void
ph_cli_print(ph_cli *cli, const char *format, ...)
{
	if (cli->json)
		return;
	va_list list;
	va_start(list, format);
	vfprintf(cli->out, format, list);
	va_end(list);
}

void
ph_cli_json(ph_cli *cli, json_t *object)
{
	json_dumpf(object, cli->out, JSON_COMPACT);
	fputc('\n', cli->out);
	json_decref(object);
}

/* --- arguments --- */

static int
option_place(const ph_cli_option *options, const char *name, size_t length)
{
	for (int i = 0; options != NULL && options[i].name != NULL; i++)
		if (strlen(options[i].name) == length &&
		    memcmp(options[i].name, name, length) == 0)
			return i;
	return -1;
}

const char *
ph_args_get(const ph_args *args, const char *name)
{
	int place = option_place(args->verb->options, name, strlen(name));
	PH_ASSERT(place >= 0 && place < PH_CLI_OPTIONS_MAX);
	return args->values[place];
}

bool
ph_args_has(const ph_args *args, const char *name)
{
	return ph_args_get(args, name) != NULL;
}

bool
ph_args_number(ph_cli *cli, const ph_args *args, const char *name, long long least,
    long long most, long long *out)
{
	const char *text = ph_args_get(args, name);
	if (text == NULL)
		return true;
	char *end = NULL;
	long long value = strtoll(text, &end, 10);
	if (end == text || *end != '\0' || value < least || value > most) {
		ph_cli_usage(cli, "PH7005 --%s takes a whole number from %lld to %lld",
		    name, least, most);
		return false;
	}
	*out = value;
	return true;
}

/* --- help --- */

static void
print_option(FILE *out, const ph_cli_option *option)
{
	char left[64];
	snprintf(left, sizeof left, "%s%s%s%s", option->name[1] == '\0' ? "-" : "--",
	    option->name, option->value != NULL ? " " : "",
	    option->value != NULL ? option->value : "");
	fprintf(out, "  %-22s %s\n", left, option->help);
}

static void
print_usage(FILE *out, const ph_noun *noun, const ph_verb *verb)
{
	fprintf(out, "packhorse %s%s%s%s%s%s", noun->name, verb->name[0] ? " " : "",
	    verb->name, verb->options != NULL ? " [OPTION...]" : "",
	    verb->operands != NULL ? " " : "",
	    verb->operands != NULL ? verb->operands : "");
}

static void
help_verb(ph_cli *cli, const ph_noun *noun, const ph_verb *verb)
{
	fprintf(cli->out, "usage: ");
	print_usage(cli->out, noun, verb);
	fprintf(cli->out, "\n\n%s\n\n", verb->help);
	for (size_t i = 0; verb->options != NULL && verb->options[i].name != NULL; i++)
		print_option(cli->out, &verb->options[i]);
	for (size_t i = 0; common[i].name != NULL; i++)
		print_option(cli->out, &common[i]);
}

static void
help_noun(ph_cli *cli, const ph_noun *noun)
{
	fprintf(cli->out, "packhorse %s: %s\n\n", noun->name, noun->help);
	for (const ph_verb *verb = noun->verbs; verb->name != NULL; verb++) {
		fprintf(cli->out, "  ");
		print_usage(cli->out, noun, verb);
		fprintf(cli->out, "\n      %.*s\n", (int) strcspn(verb->help, "\n"),
		    verb->help);
	}
	fprintf(cli->out, "\n`packhorse %s VERB --help` says more.\n", noun->name);
}

static void
help_all(ph_cli *cli, const ph_noun *const *nouns)
{
	fprintf(cli->out, "usage: packhorse NOUN [VERB] [OPTION...] [ARGUMENT...]\n\n");
	for (; *nouns != NULL; nouns++)
		fprintf(cli->out, "  %-9s %s\n", (*nouns)->name, (*nouns)->help);
	fprintf(cli->out, "  %-9s %s\n\n", "help", "this, or `help NOUN [VERB]`");
	for (size_t i = 0; common[i].name != NULL; i++)
		print_option(cli->out, &common[i]);
	fprintf(cli->out,
	    "\nExit codes: 0 fine, 1 a problem was found, 2 usage, 3 broker "
	    "not reachable.\n");
}

static int
help(const parse *p)
{
	if (p->noun == NULL)
		help_all(p->cli, p->nouns);
	else if (p->args.verb == NULL)
		help_noun(p->cli, p->noun);
	else
		help_verb(p->cli, p->noun, p->args.verb);
	return PH_EXIT_OK;
}

/* --- parsing --- */

static const ph_noun *
find_noun(const ph_noun *const *nouns, const char *name)
{
	for (; *nouns != NULL; nouns++)
		if (strcmp((*nouns)->name, name) == 0)
			return *nouns;
	return NULL;
}

static const ph_verb *
find_verb(const ph_noun *noun, const char *name)
{
	for (const ph_verb *verb = noun->verbs; verb->name != NULL; verb++)
		if (strcmp(verb->name, name) == 0)
			return verb;
	return NULL;
}

/* "ls, show, peek" of a noun. */
static void
verb_list(const ph_noun *noun, char *out, size_t size)
{
	size_t at = 0;
	out[0] = '\0';
	for (const ph_verb *verb = noun->verbs; verb->name != NULL && at < size; verb++)
		at += (size_t) snprintf(
		    out + at, size - at, "%s%s", at > 0 ? ", " : "", verb->name);
}

/* Take a noun or a verb; PH_EXIT_OK when the word was one, or an operand. */
static int
take_word(parse *p, char *word)
{
	if (p->noun == NULL) {
		p->noun = find_noun(p->nouns, word);
		if (p->noun == NULL)
			return ph_cli_usage(p->cli,
			    "PH7001 there is no noun '%s'; `packhorse help` lists them",
			    word);
		if (p->noun->verbs[0].name[0] == '\0')
			p->args.verb = &p->noun->verbs[0];
		return PH_EXIT_OK;
	}
	if (p->args.verb == NULL) {
		p->args.verb = find_verb(p->noun, word);
		if (p->args.verb != NULL)
			return PH_EXIT_OK;
		char verbs[200];
		verb_list(p->noun, verbs, sizeof verbs);
		return ph_cli_usage(p->cli, "PH7002 '%s' has no verb '%s'; it has: %s",
		    p->noun->name, word, verbs);
	}
	p->args.operands[p->args.count++] = word;
	return PH_EXIT_OK;
}

/* Find the option among the common ones and the verb's. */
static const ph_cli_option *
find_option(parse *p, const char *name, size_t length, const char ***value)
{
	int place = option_place(common, name, length);
	if (place >= 0) {
		*value = &p->common[place];
		return &common[place];
	}
	if (p->args.verb == NULL)
		return NULL;
	place = option_place(p->args.verb->options, name, length);
	if (place < 0)
		return NULL;
	PH_ASSERT(place < PH_CLI_OPTIONS_MAX);
	*value = &p->args.values[place];
	return &p->args.verb->options[place];
}

/* Take "--name=value", "--name value", "-c DIR" or a flag; *used is how many words it was. */
static int
take_option(parse *p, char *word, char *next, int *used)
{
	bool small = word[1] != '-', asks = strcmp(word, "-h") == 0;
	const char *name = asks ? "help" : small ? word + 1 : word + 2;
	size_t length = strcspn(name, "=");
	const char *attached = name[length] == '=' ? name + length + 1 : NULL;
	const char **value = NULL;
	const ph_cli_option *option = find_option(p, name, length, &value);
	*used = 1;
	if (option == NULL || (!asks && small != (option->name[1] == '\0')))
		return ph_cli_usage(p->cli,
		    "PH7003 unknown option '%.*s'; --help lists them",
		    (int) strcspn(word, "="), word);
	if (option->value == NULL) {
		*value = "";
		if (attached != NULL)
			return ph_cli_usage(
			    p->cli, "PH7004 --%s takes no value", option->name);
		return PH_EXIT_OK;
	}
	*value = attached != NULL ? attached : next;
	if (*value == NULL)
		return ph_cli_usage(
		    p->cli, "PH7004 '%s' needs a value: %s", word, option->value);
	*used = attached != NULL ? 1 : 2;
	return PH_EXIT_OK;
}

static int
read_words(parse *p, int argc, char **argv)
{
	for (int i = 1; i < argc;) {
		int used = 1, code;
		if (!p->only_operands && strcmp(argv[i], "--") == 0) {
			p->only_operands = true;
			code = PH_EXIT_OK;
		} else if (!p->only_operands && argv[i][0] == '-' &&
			   argv[i][1] != '\0') {
			code = take_option(
			    p, argv[i], i + 1 < argc ? argv[i + 1] : NULL, &used);
		} else {
			code = take_word(p, argv[i]);
		}
		if (code != PH_EXIT_OK)
			return code;
		i += used;
	}
	return PH_EXIT_OK;
}

static int
check_operands(const parse *p)
{
	const ph_verb *verb = p->args.verb;
	size_t most = verb->operands == NULL ? 0
		      : verb->most == 0	     ? SIZE_MAX
					     : verb->most;
	if (p->args.count >= verb->least && p->args.count <= most)
		return PH_EXIT_OK;
	return ph_cli_usage(p->cli, "PH7006 usage: packhorse %s%s%s%s%s", p->noun->name,
	    verb->name[0] != '\0' ? " " : "", verb->name,
	    verb->operands != NULL ? " " : "",
	    verb->operands != NULL ? verb->operands : "");
}

static void
take_common(parse *p)
{
	p->cli->json = p->common[COMMON_JSON] != NULL;
	if (p->common[COMMON_SOCKET] != NULL)
		p->cli->socket = p->common[COMMON_SOCKET];
	if (p->common[COMMON_SITE] != NULL)
		p->cli->site = p->common[COMMON_SITE];
}

static int
run(parse *p, int argc, char **argv)
{
	/* --json first, so that complaints about the rest have its form. */
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		p->cli->json |= strcmp(argv[i], "--json") == 0;
	int code = read_words(p, argc, argv);
	if (code != PH_EXIT_OK)
		return code;
	take_common(p);
	if (p->common[COMMON_HELP] != NULL)
		return help(p);
	if (p->noun == NULL) {
		help_all(p->cli, p->nouns);
		return PH_EXIT_USAGE;
	}
	if (p->args.verb == NULL) {
		help_noun(p->cli, p->noun);
		return PH_EXIT_USAGE;
	}
	code = check_operands(p);
	return code != PH_EXIT_OK ? code : p->args.verb->run(p->cli, &p->args);
}

int
ph_cli_main(ph_cli *cli, const ph_noun *const *nouns, int argc, char **argv)
{
	parse p = {.cli = cli, .nouns = nouns};
	p.args.operands = calloc((size_t) argc + 1, sizeof *p.args.operands);
	char **words = calloc((size_t) argc + 2, sizeof *words);
	int code = PH_EXIT_PROBLEM;
	if (p.args.operands == NULL || words == NULL)
		goto end;
	memcpy(words, argv, (size_t) argc * sizeof *words);
	/* "help queue ls" is "queue ls --help"; "--version" is the noun. */
	if (argc > 1 && strcmp(words[1], "help") == 0) {
		memmove(words + 1, words + 2, (size_t) (argc - 1) * sizeof *words);
		words[argc - 1] = NULL;
		p.common[COMMON_HELP] = "";
		argc--;
	} else if (argc > 1 && strcmp(words[1], "--version") == 0) {
		static char version[] = "version";
		words[1] = version;
	}
	code = run(&p, argc, words);
	if (fflush(cli->out) != 0 && code == PH_EXIT_OK)
		code = PH_EXIT_PROBLEM;
end:
	free(words);
	free(p.args.operands);
	return code;
}
