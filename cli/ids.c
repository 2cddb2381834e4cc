#include "cli/ids.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "cli/ask.h"

/* The line without blanks around it. */
static char *
trim(char *line)
{
	while (isspace((unsigned char) *line))
		line++;
	size_t length = strlen(line);
	while (length > 0 && isspace((unsigned char) line[length - 1]))
		line[--length] = '\0';
	return line;
}

static void
read_ids(FILE *in, json_t *ids)
{
	char *line = NULL;
	size_t size = 0;
	while (getline(&line, &size, in) >= 0) {
		const char *id = trim(line);
		if (id[0] != '\0')
			json_array_append_new(ids, json_string(id));
	}
	free(line);
}

static int
check(ph_cli *cli, const ph_args *args)
{
	bool all = ph_args_has(args, "all");
	if (all && args->count > 0)
		return ph_cli_usage(cli, "PH7007 give ids, or --all, not both");
	if (!all && args->count == 0)
		return ph_cli_usage(
		    cli, "PH7007 which ones? give ids, - to read them, or --all");
	if (all && !ph_args_has(args, "yes") && !ph_args_has(args, "dry-run"))
		return ph_cli_usage(
		    cli, "PH7007 --all needs --yes; --dry-run shows what it would do");
	return PH_EXIT_OK;
}

/* Ask for ids[from..from + count) */
static int
ask_some(ph_cli *cli, const char *verb, json_t *request, const json_t *ids, size_t from,
    void (*row)(void *self, json_t *row), void *self)
{
	json_t *some = json_array();
	for (size_t i = from; i < json_array_size(ids) && i < from + PH_IDS_AT_ONCE;
	     i++)
		json_array_append(some, json_array_get(ids, i));
	json_object_set_new(request, "ids", some);
	return ph_ask(cli, verb, json_incref(request), row, self);
}

int
ph_ids_ask(ph_cli *cli, const char *verb, const ph_args *args, json_t *request,
    FILE *in, void (*row)(void *self, json_t *row), void *self)
{
	json_t *ids = json_array();
	int code = check(cli, args);
	if (code != PH_EXIT_OK)
		goto end;
	if (ph_args_has(args, "dry-run"))
		json_object_set_new(request, "dry_run", json_true());
	if (ph_args_has(args, "all")) {
		json_object_set_new(request, "all", json_true());
		code = ph_ask(cli, verb, json_incref(request), row, self);
		goto end;
	}
	for (size_t i = 0; i < args->count; i++) {
		if (strcmp(args->operands[i], "-") == 0)
			read_ids(in, ids);
		else
			json_array_append_new(ids, json_string(args->operands[i]));
	}
	for (size_t from = 0; from < json_array_size(ids); from += PH_IDS_AT_ONCE) {
		int some = ask_some(cli, verb, request, ids, from, row, self);
		code = some > code ? some : code;
		if (some == PH_EXIT_UNREACHABLE)
			break;
	}
end:
	json_decref(ids);
	json_decref(request);
	return code;
}
