/*
 * What is asked on the control socket. A request is checked as a whole first: known argument names
 * of the right kind, a `why` with every `reveal`. Then the verb goes to the ledger, or to
 * ph_operate with the peer as its reply.
 */
#include "broker/control_part.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "broker/operate.h"
#include "lib/base/assert.h"
#include "lib/base/log.h"

#define IDS_MOST	10000
#define ATTRIBUTES_MOST 64

/* A checked request. Texts are borrowed from `root`. */
typedef struct request {
	json_t *root;
	const char *verb;
	const char *why;	    /* of a reveal */
	const char *reference;	    /* case.show, message.find */
	const char *type, *subject; /* message.find */
	ph_operate_args args;
	const char **ids;
	char (*numbers)[24]; /* ids that were given as numbers */
	ph_attribute *attributes;
} request;

/* --- reading a request --- */

typedef struct text_argument {
	const char *name;
	size_t offset;
} text_argument;

static const text_argument texts[] = {
    {"queue", offsetof(request, args.queue)},
    {"name", offsetof(request, args.name)},
    {"reason", offsetof(request, args.reason)},
    {"source", offsetof(request, args.source)},
    {"id", offsetof(request, args.id)},
    {"entity", offsetof(request, args.entity)},
    {"system", offsetof(request, args.system)},
    {"key", offsetof(request, args.key)},
    {"canonical", offsetof(request, args.canonical)},
    {"why", offsetof(request, why)},
    {"reference", offsetof(request, reference)},
    {"type", offsetof(request, type)},
    {"subject", offsetof(request, subject)},
};

static const text_argument flags[] = {
    {"all", offsetof(request, args.all)},
    {"dry_run", offsetof(request, args.dry_run)},
    {"reveal", offsetof(request, args.reveal)},
};

static ph_status
bad(ph_error *err, const char *name, const char *wanted)
{
	return ph_fail(
	    err, PH_ERR_USAGE, "PH7034 argument '%.40s' must be %s", name, wanted);
}

static ph_status
read_ids(request *r, json_t *value, ph_error *err)
{
	size_t count = json_array_size(value);
	if (!json_is_array(value) || count > IDS_MOST)
		return bad(err, "ids", "a list of at most 10000 ids");
	r->ids = calloc(count + 1, sizeof *r->ids);
	r->numbers = calloc(count + 1, sizeof *r->numbers);
	if (r->ids == NULL || r->numbers == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "no memory for ids");
	for (size_t i = 0; i < count; i++) {
		json_t *id = json_array_get(value, i);
		r->ids[i] = json_string_value(id);
		if (json_is_integer(id)) {
			snprintf(r->numbers[i], sizeof *r->numbers,
			    "%" JSON_INTEGER_FORMAT, json_integer_value(id));
			r->ids[i] = r->numbers[i];
		}
		if (r->ids[i] == NULL)
			return bad(err, "ids", "a list of texts");
	}
	r->args.ids = r->ids;
	r->args.ids_count = count;
	return PH_OK;
}

static ph_status
read_attributes(request *r, json_t *value, ph_error *err)
{
	if (!json_is_object(value) || json_object_size(value) > ATTRIBUTES_MOST)
		return bad(err, "attributes", "an object of at most 64 texts");
	r->attributes = calloc(json_object_size(value) + 1, sizeof *r->attributes);
	if (r->attributes == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "no memory for attributes");
	size_t count = 0;
	const char *name;
	json_t *text;
	json_object_foreach(value, name, text)
	{
		if (!json_is_string(text))
			return bad(err, "attributes", "an object of texts");
		r->attributes[count++] = (ph_attribute){
		    .name = name,
		    .value = json_string_value(text),
		    .length = json_string_length(text),
		};
	}
	r->args.attributes = r->attributes;
	r->args.attributes_count = count;
	return PH_OK;
}

static ph_status
read_number(
    json_t *value, const char *name, json_int_t most, json_int_t *out, ph_error *err)
{
	if (!json_is_integer(value) || json_integer_value(value) < 0 ||
	    json_integer_value(value) > most)
		return bad(err, name, "a whole number that is not negative");
	*out = json_integer_value(value);
	return PH_OK;
}

static ph_status
read_argument(request *r, const char *name, json_t *value, ph_error *err)
{
	json_int_t number = 0;
	ph_status status;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		if (strcmp(texts[i].name, name) != 0)
			continue;
		if (!json_is_string(value))
			return bad(err, name, "a text");
		*(const char **) (void *) ((char *) r + texts[i].offset) =
		    json_string_value(value);
		return PH_OK;
	}
	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
		if (strcmp(flags[i].name, name) != 0)
			continue;
		if (!json_is_boolean(value))
			return bad(err, name, "true or false");
		*(bool *) ((char *) r + flags[i].offset) = json_is_true(value);
		return PH_OK;
	}
	if (strcmp(name, "ids") == 0)
		return read_ids(r, value, err);
	if (strcmp(name, "attributes") == 0)
		return read_attributes(r, value, err);
	if (strcmp(name, "most") == 0) {
		status = read_number(value, name, UINT32_MAX, &number, err);
		r->args.most = (uint32_t) number;
		return status;
	}
	if (strcmp(name, "after") == 0) {
		status = read_number(value, name, INT64_MAX, &number, err);
		r->args.after = (uint64_t) number;
		return status;
	}
	return ph_fail(err, PH_ERR_USAGE, "PH7034 there is no argument '%.40s'", name);
}

static ph_status
read_request(request *r, const char *line, size_t length, ph_error *err)
{
	json_error_t trouble;
	r->root = json_loadb(line, length, JSON_REJECT_DUPLICATES, &trouble);
	if (r->root == NULL)
		return ph_fail(err, PH_ERR_USAGE,
		    "PH7031 the request is not one JSON object a line (column %d)",
		    trouble.column);
	r->verb = json_string_value(json_object_get(r->root, "verb"));
	json_t *args = json_object_get(r->root, "args");
	if (r->verb == NULL || (args != NULL && !json_is_object(args)))
		return ph_fail(err, PH_ERR_USAGE,
		    "PH7031 a request is {\"verb\":\"...\",\"args\":{...}}");
	const char *name;
	json_t *value;
	json_object_foreach(args, name, value)
	{
		ph_status status = read_argument(r, name, value, err);
		if (status != PH_OK)
			return status;
	}
	if (r->args.reveal && (r->why == NULL || r->why[0] == '\0'))
		return ph_fail(err, PH_ERR_USAGE,
		    "PH7035 looking at payloads needs a reason, which is kept in the "
		    "log");
	return PH_OK;
}

static void
free_request(request *r)
{
	json_decref(r->root);
	free(r->ids);
	free(r->numbers);
	free(r->attributes);
}

/* --- the log --- */

/* Which entries a verb is about: ids, or the queue. */
static void
objects(const request *r, char *out, size_t size)
{
	size_t at = 0;
	out[0] = '\0';
	for (size_t i = 0; i < r->args.ids_count && at < size; i++)
		at += (size_t) snprintf(
		    out + at, size - at, "%s%s", i > 0 ? "," : "", r->args.ids[i]);
	if (r->args.ids_count == 0)
		snprintf(out, size, "%s", r->args.queue != NULL ? r->args.queue : "-");
}

static void
log_request(const ph_control_peer *peer, const request *r)
{
	char about[512];
	objects(r, about, sizeof about);
	if (r->args.reveal)
		ph_log(PH_LOG_WARN, "audit-reveal",
		    "verb=%s uid=%lu pid=%ld about=%s reason=\"%s\"", r->verb,
		    (unsigned long) peer->uid, (long) peer->pid, about, r->why);
	bool changes =
	    strcmp(r->verb, "dead.replay") == 0 || strcmp(r->verb, "dead.discard") == 0;
	if (changes && !r->args.dry_run)
		ph_log(PH_LOG_INFO, "control-command",
		    "verb=%s uid=%lu pid=%ld about=%s%s", r->verb,
		    (unsigned long) peer->uid, (long) peer->pid, about,
		    r->args.all ? " all=yes" : "");
}

/* --- answers of the ledger --- */

static void
row(ph_control_peer *peer, json_t *object)
{
	char *text = object != NULL ? json_dumps(object, JSON_COMPACT) : NULL;
	json_decref(object);
	if (text != NULL)
		ph_control_row(peer, text, strlen(text));
	else
		peer->out.failed = true;
	free(text);
}

static json_t *
number_or_null(int64_t number)
{
	return number < 0 ? json_null() : json_integer(number);
}

/* The end of a ledger's answer; with no row at all, not found. */
static void
end_found(ph_control_peer *peer, size_t rows, const char *what)
{
	ph_error err;
	if (rows > 0) {
		ph_control_end(peer, NULL);
		return;
	}
	(void) ph_fail(&err, PH_ERR_NOT_FOUND, "PH7030 %s", what);
	ph_control_end(peer, &err);
}

static void
case_answer(void *self, const ph_ledger_answer *answer)
{
	ph_control_peer *peer = self;
	if (answer->status != PH_OK) {
		ph_control_end(peer, &answer->error);
		return;
	}
	for (size_t i = 0; i < answer->count; i++) {
		const ph_ledger_event *event = &answer->rows.events[i];
		row(peer,
		    json_pack("{s:I, s:s, s:s, s:s, s:s, s:s, s:o, s:I, s:s}", "at_ms",
			(json_int_t) event->at_ms, "system", event->system, "event",
			event->event, "reference", event->reference, "outcome",
			event->outcome, "detail", event->detail, "took_ms",
			number_or_null(event->took_ms), "acceptance",
			(json_int_t) event->acceptance, "subject", event->subject));
	}
	end_found(peer, answer->count, "nothing is known by that reference");
}

static void
find_answer(void *self, const ph_ledger_answer *answer)
{
	ph_control_peer *peer = self;
	if (answer->status != PH_OK) {
		ph_control_end(peer, &answer->error);
		return;
	}
	for (size_t i = 0; i < answer->count; i++) {
		const ph_ledger_message *message = &answer->rows.messages[i];
		row(peer, json_pack("{s:I, s:I, s:s, s:s, s:s, s:s}", "acceptance",
			      (json_int_t) message->acceptance, "accepted_ms",
			      (json_int_t) message->accepted_ms, "message_id",
			      message->id, "source", message->source, "type",
			      message->type, "subject", message->subject));
	}
	ph_control_end(peer, NULL);
}

/* What xref.get was asked for: one entity, one system; both: that very binding. */
static bool
wanted(const ph_control_peer *peer, const ph_ledger_binding *binding)
{
	bool entity = peer->entity[0] != '\0', system = peer->system[0] != '\0';
	if ((entity && strcmp(peer->entity, binding->entity) != 0) ||
	    (system && strcmp(peer->system, binding->system) != 0))
		return false;
	const char *tail = strrchr(binding->key, '/');
	return !entity || !system || strcmp(peer->key, binding->key) == 0 ||
	       strcmp(peer->key, binding->canonical) == 0 ||
	       (tail != NULL && strcmp(peer->key, tail + 1) == 0);
}

static void
xref_answer(void *self, const ph_ledger_answer *answer)
{
	ph_control_peer *peer = self;
	size_t shown = 0;
	if (answer->status != PH_OK) {
		ph_control_end(peer, &answer->error);
		return;
	}
	for (size_t i = 0; i < answer->count; i++) {
		const ph_ledger_binding *binding = &answer->rows.bindings[i];
		if (!wanted(peer, binding))
			continue;
		shown++;
		row(peer,
		    json_pack("{s:s, s:s, s:s, s:s, s:o}", "entity", binding->entity,
			"system", binding->system, "key", binding->key, "canonical_id",
			binding->canonical, "at_ms",
			number_or_null(binding->at_ms > 0 ? binding->at_ms : -1)));
	}
	end_found(peer, shown, "nothing is bound to that reference");
}

static void
copy_answer(void *self, const ph_ledger_answer *answer)
{
	ph_control_peer *peer = self;
	if (answer->status != PH_OK) {
		ph_control_end(peer, &answer->error);
		return;
	}
	const ph_ledger_copied *copied = answer->rows.copied;
	row(peer, json_pack("{s:I, s:I}", "record", (json_int_t) copied->sequence,
		      "bytes", (json_int_t) copied->bytes));
	ph_control_end(peer, NULL);
}

static ph_status
ask(ph_control_peer *peer, ph_ledger_ask *question, ph_ledger_fn *fn, ph_error *err)
{
	ph_ledger *ledger = peer->control->ledger;
	if (ledger == NULL)
		return ph_fail(err, PH_ERR_CLOSED, "the ledger is not open");
	question->current = true;
	return ph_ledger_query(ledger, question, fn, peer, err);
}

static ph_status
ask_case(ph_control_peer *peer, const request *r, ph_error *err)
{
	if (r->reference == NULL)
		return ph_fail(err, PH_ERR_USAGE, "PH7034 case.show needs `reference`");
	ph_ledger_ask question = {.kind = PH_LEDGER_CASE, .key = r->reference};
	question.most = r->args.most;
	return ask(peer, &question, case_answer, err);
}

static ph_status
ask_find(ph_control_peer *peer, const request *r, ph_error *err)
{
	if (r->args.attributes_count > 1)
		return ph_fail(
		    err, PH_ERR_USAGE, "PH7034 message.find takes one attribute");
	ph_ledger_ask question = {
	    .kind = PH_LEDGER_FIND,
	    .most = r->args.most,
	    .find = {.id = r->args.id,
		.source = r->args.source,
		.type = r->type,
		.subject = r->subject,
		.reference = r->reference},
	};
	if (r->args.attributes_count == 1) {
		const char *name = r->args.attributes[0].name;
		if (strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789") !=
		    strlen(name))
			return ph_fail(err, PH_ERR_USAGE,
			    "PH7034 an attribute's name has lower-case letters and "
			    "digits");
		question.find.attribute = name;
		question.find.value = r->args.attributes[0].value;
	}
	return ask(peer, &question, find_answer, err);
}

static ph_status
ask_xref(ph_control_peer *peer, const request *r, ph_error *err)
{
	const char *key = r->args.key != NULL ? r->args.key : r->args.canonical;
	if (key == NULL)
		return ph_fail(
		    err, PH_ERR_USAGE, "PH7034 xref.get needs `key` or `canonical`");
	snprintf(peer->entity, sizeof peer->entity, "%s",
	    r->args.entity != NULL ? r->args.entity : "");
	snprintf(peer->system, sizeof peer->system, "%s",
	    r->args.system != NULL ? r->args.system : "");
	snprintf(peer->key, sizeof peer->key, "%s", key);
	ph_ledger_ask question = {.kind = PH_LEDGER_XREFS, .key = key};
	return ask(peer, &question, xref_answer, err);
}

static ph_status
ask_copy(ph_control_peer *peer, const request *r, ph_error *err)
{
	if (r->args.name == NULL || r->args.name[0] != '/')
		return ph_fail(err, PH_ERR_USAGE,
		    "PH7034 ledger.snapshot needs `name`, an absolute path");
	ph_log(PH_LOG_INFO, "control-command", "verb=%s uid=%lu pid=%ld about=%s",
	    r->verb, (unsigned long) peer->uid, (long) peer->pid, r->args.name);
	ph_ledger_ask question = {.kind = PH_LEDGER_COPY, .key = r->args.name};
	return ask(peer, &question, copy_answer, err);
}

/* --- answers of the broker --- */

static void
operate_row(void *self, const char *json, size_t length)
{
	ph_control_peer *peer = self;
	ph_ledger *ledger = peer->control->ledger;
	if (!peer->splice || ledger == NULL || length < 2 || json[length - 1] != '}') {
		ph_control_row(peer, json, length);
		return;
	}
	/* The status has one row: the ledger's state goes into it. */
	ph_ledger_state state;
	ph_ledger_look(ledger, &state);
	ph_buffer text;
	ph_buffer_init(&text, 0);
	ph_buffer_append(&text, json, length - 1);
	ph_buffer_printf(&text, "%s\"ledger\":\"%s\",\"ledger_rows\":%" PRIu64 "}",
	    length > 2 ? "," : "",
	    state.rebuilding				  ? "rebuilding"
	    : state.applied.offset < state.durable.offset ? "behind"
							  : "current",
	    state.rows);
	ph_control_row(peer, (const char *) text.data, text.length);
	ph_buffer_fini(&text);
}

static void
operate_end(void *self, const ph_error *err)
{
	ph_control_end(self, err);
}

static void
operate(ph_control_peer *peer, const request *r)
{
	const ph_reply reply = {
	    .row = operate_row,
	    .end = operate_end,
	    .self = peer,
	};
	peer->splice = strcmp(r->verb, "status") == 0;
	ph_operate(peer->control->broker, r->verb, &r->args, &reply);
}

/* Verbs that the ledger answers. */
typedef struct ledger_verb {
	const char *name;
	ph_status (*ask)(ph_control_peer *peer, const request *r, ph_error *err);
} ledger_verb;

static const ledger_verb ledger_verbs[] = {
    {"case.show", ask_case},
    {"ledger.snapshot", ask_copy},
    {"message.find", ask_find},
    {"xref.get", ask_xref},
};

static ph_status
dispatch(ph_control_peer *peer, const request *r, ph_error *err)
{
	for (size_t i = 0; i < sizeof ledger_verbs / sizeof *ledger_verbs; i++)
		if (strcmp(ledger_verbs[i].name, r->verb) == 0)
			return ledger_verbs[i].ask(peer, r, err);
	if (r->reference != NULL || r->type != NULL || r->subject != NULL)
		return ph_fail(err, PH_ERR_USAGE,
		    "PH7034 '%.40s' takes no `reference`, `type` or `subject`",
		    r->verb);
	if (!ph_operate_knows(r->verb))
		return ph_fail(
		    err, PH_ERR_NOT_FOUND, "PH7033 there is no verb '%.40s'", r->verb);
	log_request(peer, r);
	operate(peer, r);
	return PH_OK;
}

void
ph_control_answer(ph_control_peer *peer, const char *line, size_t length)
{
	request r = {.root = NULL};
	ph_error err = {.status = PH_OK};
	ph_status status = read_request(&r, line, length, &err);
	if (status == PH_OK)
		status = dispatch(peer, &r, &err);
	if (status != PH_OK)
		ph_control_end(peer, &err);
	free_request(&r);
}
