/*
 * packhorse status: is the broker well, and do its books balance?
 */
#include "broker/journal_range.h"
#include "cli/ask.h"

static const ph_column columns[] = {
    {"version", "version", PH_COLUMN_TEXT},
    {"pid", "pid", PH_COLUMN_NUMBER},
    {"up", "uptime_s", PH_COLUMN_AGE},
    {"generation", "generation", PH_COLUMN_NUMBER},
    {"accepting", "accepting", PH_COLUMN_TEXT},
    {"hosts", "hosts", PH_COLUMN_NUMBER},
    {"sessions", "sessions", PH_COLUMN_NUMBER},
    {"resident bytes", "resident_bytes", PH_COLUMN_NUMBER},
    {"space bytes", "space_bytes", PH_COLUMN_NUMBER},
    {"journal bytes", "journal_bytes", PH_COLUMN_NUMBER},
    {"  oldest", "journal_oldest_s", PH_COLUMN_AGE},
    {"  damaged ranges", "journal_damaged", PH_COLUMN_NUMBER},
    {"  lost records", "lost_records", PH_COLUMN_NUMBER},
    {"  lost messages", "lost_messages", PH_COLUMN_NUMBER},
    {"ledger", "ledger", PH_COLUMN_TEXT},
    {"checkpoint", "checkpoint", PH_COLUMN_NUMBER},
    {"  age", "checkpoint_age_s", PH_COLUMN_AGE},
    {"  position", "checkpoint_place", PH_COLUMN_TEXT},
    {"balance", "balance", PH_COLUMN_NUMBER},
    {"+ accepted", "accepted", PH_COLUMN_NUMBER},
    {"+ replayed", "replayed", PH_COLUMN_NUMBER},
    {"+ moved in", "moved_in", PH_COLUMN_NUMBER},
    {"- delivered", "delivered", PH_COLUMN_NUMBER},
    {"- duplicate", "duplicate", PH_COLUMN_NUMBER},
    {"- dead", "dead", PH_COLUMN_NUMBER},
    {"- discarded", "discarded", PH_COLUMN_NUMBER},
    {"- expired", "expired", PH_COLUMN_NUMBER},
    {"- erased", "erased", PH_COLUMN_NUMBER},
    {"- moved out", "moved_out", PH_COLUMN_NUMBER},
    {"- pending", "pending", PH_COLUMN_NUMBER},
    {"  ready", "ready", PH_COLUMN_NUMBER},
    {"  in flight", "in_flight", PH_COLUMN_NUMBER},
    {"  held", "held", PH_COLUMN_NUMBER},
    {"refused", "refused", PH_COLUMN_NUMBER},
    {"repeats", "repeats", PH_COLUMN_NUMBER},
    {"conflicts", "conflicts", PH_COLUMN_NUMBER},
    {"ignored", "ignored", PH_COLUMN_NUMBER},
};

typedef struct showing {
	ph_cli *cli;
	bool balanced;
	json_int_t damaged; /* ranges of the journal */
} showing;

/* Positions are numbers for programs, and for people what the rest calls them. */
static json_t *
with_places(const json_t *row)
{
	json_t *shown = json_copy((json_t *) (uintptr_t) row);
	char place[PH_JOURNAL_PLACE];
	json_int_t position =
	    json_integer_value(json_object_get(row, "checkpoint_position"));
	if (position > 0) {
		ph_journal_place_text((uint64_t) position, place);
		json_object_set_new(shown, "checkpoint_place", json_string(place));
	}
	return shown;
}

static void
show(void *self, json_t *row)
{
	showing *s = self;
	s->balanced = json_integer_value(json_object_get(row, "balance")) == 0;
	s->damaged = json_integer_value(json_object_get(row, "journal_damaged"));
	ph_cli_sheet(s->cli, columns, sizeof columns / sizeof *columns,
	    s->cli->json ? json_incref(row) : with_places(row));
}

static int
run(ph_cli *cli, const ph_args *args)
{
	showing s = {.cli = cli, .balanced = true};
	(void) args;
	int code = ph_ask(cli, "status", NULL, show, &s);
	if (code == PH_EXIT_OK && !s.balanced) {
		ph_cli_print(cli, "\nThe books do not balance.\n");
		code = PH_EXIT_PROBLEM;
	}
	if (s.damaged > 0)
		ph_cli_print(
		    cli, "\nThe journal is damaged: see packhorse journal verify.\n");
	return code;
}

static const ph_verb verbs[] = {
    {.name = "",
	.help = "Show the broker's state and its books.\n"
		"Exit code 1 when the books do not balance: what was accepted, "
		"replayed and\n"
		"moved in is not what was delivered, died, was given up, moved out or "
		"waits.\n"
		"Damage of the journal that the broker was told to go past is shown as "
		"long "
		"as it is\n"
		"kept.",
	.run = run},
    {.name = NULL},
};

const ph_noun ph_noun_status = {"status", "the broker's state and its books", verbs};
