/*
 * journal_part - see journal_part.h.
 */
#include "cli/journal_part.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/site/site.h"

#ifndef PH_SYSCONFDIR
#define PH_SYSCONFDIR "/etc/packhorse"
#endif

/* --- where it is --- */

static bool
is_directory(const char *path)
{
	struct stat about;
	return stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}

static ph_status
place(const char *state, char *out, size_t size, ph_error *err)
{
	int length = snprintf(out, size, "%s/journal", state);
	if (length < 0 || (size_t) length >= size)
		return ph_fail(
		    err, PH_ERR_USAGE, "PH7005 the state's path is too long");
	return PH_OK;
}

static ph_status
place_of_site(const ph_cli *cli, char *out, size_t size, ph_error *err)
{
	const char *directory =
	    cli->site != NULL ? cli->site : getenv("PACKHORSE_SITE");
	ph_site *site = NULL;
	if (directory == NULL || directory[0] == '\0')
		directory = PH_SYSCONFDIR;
	ph_status status = ph_site_load_broker(directory, &site, err);
	if (status == PH_OK)
		status = place(site->state, out, size, err);
	ph_site_destroy(&site);
	return status;
}

static ph_status
find(const ph_cli *cli, const ph_args *args, char *out, size_t size, ph_error *err)
{
	const char *state = ph_args_get(args, "state");
	if (state == NULL)
		return place_of_site(cli, out, size, err);
	ph_status status = place(state, out, size, err);
	if (status == PH_OK && !is_directory(out))
		snprintf(out, size, "%s", state);
	return status;
}

/* --- how far it is --- */

static void
tell_progress(void *self, uint64_t done, uint64_t bytes)
{
	ph_journal_progress *progress = self;
	unsigned percent = bytes > 0 ? (unsigned) (done * 100 / bytes) : 0;
	if (!progress->shown || percent == progress->percent)
		return;
	progress->percent = percent;
	fprintf(progress->cli->err, "\r%s the journal: %u %%", progress->doing,
	    percent > 100 ? 100 : percent);
	fflush(progress->cli->err);
}

void
ph_journal_cli_pass(ph_journal_opened *opened, const char *doing)
{
	ph_journal_progress *progress = &opened->progress;
	if (progress->shown && progress->percent > 0)
		fprintf(progress->cli->err, "\r%*s\r", 40, "");
	progress->percent = 0;
	progress->doing = doing;
	if (doing == NULL)
		progress->shown = false;
}

/* --- opening --- */

int
ph_journal_cli_fail(ph_cli *cli, const ph_error *err)
{
	ph_error named = *err;
	if (err->status == PH_ERR_IO && strncmp(err->text, "PH", 2) != 0)
		(void) ph_fail_at(&named, PH_ERR_IO, err->where, "PH7023 %s%s%s",
		    err->text, err->sys_errno != 0 ? ": " : "",
		    err->sys_errno != 0 ? strerror(err->sys_errno) : "");
	return ph_cli_fail(cli, &named);
}

int
ph_journal_cli_open(ph_cli *cli, const ph_args *args, ph_journal_opened *out)
{
	ph_error err = {.status = PH_OK};
	*out = (ph_journal_opened){
	    .progress = {.cli = cli,
		.doing = "reading",
		.shown = !cli->json && isatty(fileno(cli->err)) == 1}};
	out->progress.watch =
	    (ph_inspection_watch){.progress = tell_progress, .self = &out->progress};
	ph_status status = find(cli, args, out->directory, sizeof out->directory, &err);
	if (status != PH_OK)
		return ph_cli_fail(cli, &err);
	status = ph_inspection_open(ph_fs_system(), out->directory,
	    &out->progress.watch, &out->inspection, &err);
	if (status == PH_OK)
		return PH_EXIT_OK;
	ph_journal_cli_pass(out, NULL);
	return ph_journal_cli_fail(cli, &err);
}

void
ph_journal_cli_close(ph_journal_opened *opened)
{
	ph_journal_cli_pass(opened, NULL);
	ph_inspection_close(&opened->inspection);
}

/* --- what is missing --- */

json_t *
ph_journal_range_json(const char *kind, const ph_journal_range *range)
{
	char text[200];
	ph_journal_range_text(range, text, sizeof text);
	json_t *out = json_pack("{s:s, s:I, s:I, s:I, s:I}", "kind", kind, "segment",
	    (json_int_t) range->segment, "offset", (json_int_t) range->offset, "length",
	    (json_int_t) range->length, "first", (json_int_t) range->first);
	json_object_set_new(out, "last",
	    range->last != 0 ? json_integer((json_int_t) range->last) : json_null());
	json_object_set_new(out, "text", json_string(text));
	return out;
}

static void
print_json(FILE *to, json_t *object)
{
	json_dumpf(object, to, JSON_COMPACT);
	fputc('\n', to);
	json_decref(object);
}

void
ph_journal_tell_damage(ph_cli *cli, FILE *to, const ph_inspection *inspection)
{
	size_t count = 0;
	const ph_journal_range *damage = ph_inspection_damage(inspection, &count);
	for (size_t i = 0; i < count; i++) {
		char text[200];
		ph_journal_range_text(&damage[i], text, sizeof text);
		if (cli->json)
			print_json(to, ph_journal_range_json("damage", &damage[i]));
		else
			fprintf(to, "PH5002 damaged: %s\n", text);
	}
}

void
ph_journal_tell_record(
    ph_cli *cli, FILE *to, const ph_inspected *record, const ph_error *err)
{
	if (cli->json)
		print_json(
		    to, json_pack("{s:s, s:I, s:I, s:I, s:s}", "kind", "record",
			    "segment", (json_int_t) record->segment, "offset",
			    (json_int_t) record->offset, "sequence",
			    (json_int_t) record->frame.sequence, "text", err->text));
	else
		fprintf(to, "journal %010u@%llu: sequence %llu: %s\n", record->segment,
		    (unsigned long long) record->offset,
		    (unsigned long long) record->frame.sequence, err->text);
}
