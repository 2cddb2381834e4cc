/*
 * How it works: wants are texts in one buffer and their places in it. When the ledger answers, each
 * answer goes to xref, and everything parked with the session is tried again in order; what still
 * misses something stays.
 */
#include "broker/lookup.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/assert.h"

#define WANTS_MAX 4096

typedef struct want {
	ph_xref_kind kind;
	size_t entity, system, key; /* places in the text */
} want;

struct ph_wants {
	ph_question question; /* first */
	ph_broker *broker;    /* while it is asked */
	uint64_t session;     /* whose */
	ph_buffer text;
	want *list;
	size_t count, capacity;
	bool failed;
};

static bool
copy_part(ph_slice from, char *out, size_t size, bool may_be_empty)
{
	return (may_be_empty || from.length > 0) && ph_slice_copy(from, out, size);
}

ph_status
ph_reference_read(ph_reader *reader, ph_reference *out, ph_error *err)
{
	ph_binding_view view;
	ph_binding_read(reader, &view);
	if (!reader->failed &&
	    copy_part(view.entity, out->entity, sizeof out->entity, false) &&
	    copy_part(view.system, out->system, sizeof out->system, false) &&
	    copy_part(view.key, out->key, sizeof out->key, false) &&
	    copy_part(view.canonical, out->canonical, sizeof out->canonical, true))
		return PH_OK;
	return ph_fail(err, PH_ERR_INVALID,
	    "PH6510 a reference is cut short, or has an empty or too long part (names "
	    "have at most %d bytes, keys %d)",
	    PH_REFERENCE_NAME - 1, PH_REFERENCE_KEY - 1);
}

ph_wants *
ph_wants_new(void)
{
	ph_wants *wants = calloc(1, sizeof *wants);
	if (wants != NULL)
		ph_buffer_init(&wants->text, 0);
	return wants;
}

void
ph_wants_destroy(ph_wants **wants_p)
{
	ph_wants *wants = *wants_p;
	*wants_p = NULL;
	if (wants == NULL)
		return;
	ph_buffer_fini(&wants->text);
	free(wants->list);
	free(wants);
}

static size_t
note(ph_wants *wants, const char *text)
{
	size_t at = wants->text.length;
	ph_buffer_append(&wants->text, text, strlen(text) + 1);
	return at;
}

static bool
grow(ph_wants *wants)
{
	size_t capacity = wants->capacity == 0 ? 8 : wants->capacity * 2;
	if (capacity > WANTS_MAX)
		return false;
	want *list = realloc(wants->list, capacity * sizeof *list);
	if (list == NULL)
		return false;
	wants->list = list;
	wants->capacity = capacity;
	return true;
}

void
ph_wants_add(ph_wants *wants, ph_xref_kind kind, const char *entity, const char *system,
    const char *key)
{
	if (wants == NULL)
		return;
	if (wants->count == wants->capacity && !grow(wants)) {
		wants->failed = true;
		return;
	}
	wants->list[wants->count++] = (want){.kind = kind,
	    .entity = note(wants, entity),
	    .system = note(wants, system),
	    .key = note(wants, key)};
}

size_t
ph_wants_count(const ph_wants *wants)
{
	return wants == NULL ? 0 : wants->count;
}

/* ---- parked ---- */

bool
ph_park_blocks(const ph_session *session)
{
	for (const ph_parked *at = session->parked; at != NULL; at = at->next) {
		if (at->way->ordered)
			return true;
	}
	return false;
}

static void
run_parked(ph_broker *broker, ph_session *session, bool last_chance)
{
	bool blocked = false;
	ph_parked **at = &session->parked;
	session->parked_last = NULL;
	while (*at != NULL) {
		ph_parked *parked = *at;
		bool ordered = parked->way->ordered;
		if (!(ordered && blocked) &&
		    parked->way->again(broker, session, parked, last_chance)) {
			*at = parked->next;
			free(parked);
			continue;
		}
		blocked = blocked || ordered;
		session->parked_last = parked;
		at = &parked->next;
	}
}

static void
learn(ph_wants *wants, const ph_ledger_answer *answer)
{
	const char *text = (const char *) wants->text.data;
	for (size_t i = 0; i < wants->count && i < answer->count; i++) {
		const want *one = &wants->list[i];
		const ph_ledger_found *found = &answer->rows.found[i];
		ph_xref_learn(wants->broker->xref, one->kind, text + one->entity,
		    text + one->system, text + one->key,
		    found->known ? found->value : NULL);
	}
}

static void
answered(void *self, const ph_ledger_answer *answer)
{
	ph_wants *wants = self;
	ph_broker *broker = wants->broker;
	ph_question_strike(&wants->question);
	ph_session *session = ph_sessions_numbered(broker->sessions, wants->session);
	/* With a ledger in trouble the session ends: its peer comes back and repeats. */
	if (answer->status == PH_OK)
		learn(wants, answer);
	else if (session != NULL)
		ph_session_give_up(broker->sessions, session);
	if (session != NULL && !session->over)
		run_parked(broker, session, false);
	ph_wants_destroy(&wants);
}

static void
abandon_wants(ph_question *at)
{
	ph_wants *wants = (ph_wants *) at;
	ph_wants_destroy(&wants);
}

static ph_status
ask_ledger(ph_broker *broker, ph_wants *wants, ph_error *err)
{
	ph_ledger_lookup *lookups = calloc(wants->count, sizeof *lookups);
	if (lookups == NULL || wants->failed || wants->text.failed) {
		free(lookups);
		return ph_fail(err, PH_ERR_NOMEM, "no memory for a look-up");
	}
	const char *text = (const char *) wants->text.data;
	for (size_t i = 0; i < wants->count; i++) {
		const want *one = &wants->list[i];
		lookups[i] = (ph_ledger_lookup){.kind = (ph_lookup_kind) one->kind,
		    .entity = text + one->entity,
		    .system = text + one->system,
		    .key = text + one->key};
	}
	ph_ledger_ask ask = {.kind = PH_LEDGER_RESOLVE,
	    .patient = true,
	    .upto = broker->known,
	    .lookups = lookups,
	    .count = wants->count};
	ph_question_note(broker, &wants->question, abandon_wants);
	ph_status status = ph_ledger_query(broker->ledger, &ask, answered, wants, err);
	if (status != PH_OK)
		ph_question_strike(&wants->question);
	free(lookups);
	return status;
}

/* Without a ledger nothing is known but what is in memory. */
static void
learn_nothing(ph_broker *broker, const ph_wants *wants)
{
	const char *text = (const char *) wants->text.data;
	for (size_t i = 0; i < wants->count; i++) {
		const want *one = &wants->list[i];
		ph_xref_learn(broker->xref, one->kind, text + one->entity,
		    text + one->system, text + one->key, NULL);
	}
}

void
ph_park_ask(ph_broker *broker, ph_session *session, ph_wants **wants_p)
{
	ph_wants *wants = *wants_p;
	*wants_p = NULL;
	if (wants == NULL) {
		ph_session_give_up(broker->sessions, session);
		return;
	}
	PH_ASSERT(wants->count > 0 || wants->failed);
	wants->broker = broker;
	wants->session = session->number;
	if (broker->ledger == NULL)
		learn_nothing(broker, wants);
	else if (ask_ledger(broker, wants, NULL) == PH_OK)
		return;
	else
		ph_session_give_up(broker->sessions, session);
	ph_wants_destroy(&wants);
}

void
ph_park(ph_broker *broker, ph_session *session, const ph_park_way *way, uint64_t number,
    uint32_t count, const void *bytes, size_t length, ph_wants **wants_p)
{
	ph_parked *parked = malloc(sizeof *parked + length);
	if (parked == NULL) {
		ph_wants_destroy(wants_p);
		ph_session_give_up(broker->sessions, session);
		return;
	}
	*parked =
	    (ph_parked){.number = number, .count = count, .way = way, .length = length};
	memcpy(parked->bytes, bytes, length);
	*(session->parked_last == NULL ? &session->parked
				       : &session->parked_last->next) = parked;
	session->parked_last = parked;
	if (*wants_p == NULL)
		return;
	ph_park_ask(broker, session, wants_p);
	if (broker->ledger == NULL && !session->over)
		run_parked(broker, session, false);
}

void
ph_park_run(ph_broker *broker, ph_session *session)
{
	run_parked(broker, session, false);
}

void
ph_park_end(ph_broker *broker, ph_session *session)
{
	run_parked(broker, session, true);
	PH_ASSERT(session->parked == NULL);
}
