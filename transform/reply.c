/*
 * reply - rules are read into the reply's own document, so that they outlive the adapter's file.
 */
#include "transform/reply.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/assert.h"
#include "lib/base/text.h"
#include "lib/codec/multipart.h"
#include "lib/config/config.h"
#include "transform/map_inner.h"

#define MEMORY	  ((size_t) 4 << 20)
#define RULES_MAX 64

enum { CONTEXT_STATUS, CONTEXT_FAULT, CONTEXT_VALUE, CONTEXTS };
static const char *const context_names[] = {"status", "fault", "value"};

/* Where a reference or text comes from. */
typedef struct origin {
	enum { NOTHING, LITERAL, CONTEXT, PATH } kind;
	int context;
	const char *text;
	size_t length;
	ph_path path;
	bool relative; /* begins with .. */
} origin;

typedef struct rule {
	unsigned line;
	bool has_if;
	ph_condition condition;
	ph_outcome outcome;
	origin reference, text;
	const char *reason, *without;
	uint64_t delay_ms;
} rule;

typedef struct kept_pattern {
	ph_pattern *pattern;
	struct kept_pattern *next;
} kept_pattern;

struct ph_reply {
	ph_document *document; /* the arena of all below */
	ph_map_format format;
	ph_records *records; /* our own copy of the map's; NULL: none */
	ph_names *names;
	ph_syntax syntax;
	ph_prefix prefixes[PH_PREFIXES_MAX];
	rule *rules;
	size_t count;
	kept_pattern *patterns;
};

typedef struct loader {
	ph_reply *reply;
	ph_load load;
	const ph_document *from;
	ph_condition_place place;
} loader;

static int
find_context(void *self, ph_arena *arena, const char *name, size_t length)
{
	(void) self;
	(void) arena;
	for (int i = 0; i < CONTEXTS; i++)
		if (strlen(context_names[i]) == length &&
		    memcmp(context_names[i], name, length) == 0)
			return i;
	return -1;
}

static bool
keep_pattern(void *self, ph_pattern *pattern)
{
	ph_reply *reply = self;
	kept_pattern *kept = malloc(sizeof(*kept));
	if (kept == NULL) {
		ph_pattern_destroy(&pattern);
		return false;
	}
	*kept = (kept_pattern){pattern, reply->patterns};
	reply->patterns = kept;
	return true;
}

static bool
text_member(loader *l, const ph_node *node, const char *name, const char **out)
{
	const ph_node *member = ph_node_get(node, name);
	if (member == NULL)
		return true;
	if (member->kind != PH_NODE_STRING)
		return ph_load_fail(
		    &l->load, member, 0, "PH2502 %s: a text is wanted here", name);
	*out = ph_arena_dup(l->load.arena, member->text, member->length);
	return *out != NULL || ph_load_no_memory(&l->load);
}

static bool
parse_origin(loader *l, const ph_node *node, const char *name, origin *out)
{
	const ph_node *member = ph_node_get(node, name);
	ph_scan scan;
	ph_path paths[2];
	size_t length, count;
	if (member == NULL)
		return true;
	if (member->kind != PH_NODE_STRING)
		return ph_load_fail(
		    &l->load, member, 0, "PH2502 %s: a path, $value or \"text\"", name);
	ph_scan_init(&scan, &l->load, member);
	if (ph_scan_sees(&scan, "\"")) {
		out->kind = LITERAL;
		out->text = ph_scan_string(&scan, &out->length);
		return out->text != NULL;
	}
	if (ph_scan_take(&scan, "$")) {
		const char *word = ph_scan_name(&scan, &length);
		out->kind = CONTEXT;
		out->context = find_context(NULL, NULL, word, length);
		return out->context >= 0 ||
		       ph_load_fail(&l->load, member, 0,
			   "PH2503 known here are $value, $status and $fault");
	}
	const char *text = ph_scan_path(&scan, &length);
	if (!ph_path_parse(&l->reply->syntax, &scan, text, length, paths, &count))
		return false;
	out->kind = PATH;
	out->path = paths[0];
	out->relative = (paths[0].steps[0].flags & PH_STEP_PARENT) != 0;
	return (count == 1 && ph_scan_done(&scan)) ||
	       ph_load_fail(&l->load, member, 0, "PH2502 a plain path is wanted here");
}

static bool
parse_outcome(loader *l, const ph_node *node, ph_outcome *out)
{
	static const char *const words[] = {
	    "delivered", "duplicate", "retry", "rejected", "unknown"};
	const char *word = ph_node_text(node, "outcome");
	for (size_t i = 0; i < 5 && word != NULL; i++)
		if (strcmp(words[i], word) == 0) {
			*out = (ph_outcome) (i + 1);
			return true;
		}
	return ph_load_fail(&l->load, node, 0,
	    "PH2504 outcome: is delivered, duplicate, retry, rejected or unknown");
}

static bool
parse_if(loader *l, const ph_node *node, rule *r)
{
	const ph_node *member = ph_node_get(node, "if");
	ph_scan scan;
	if (member == NULL)
		return true;
	if (member->kind != PH_NODE_STRING)
		return ph_load_fail(
		    &l->load, member, 0, "PH2502 if: a condition is wanted here");
	r->has_if = true;
	ph_scan_init(&scan, &l->load, member);
	if (!ph_condition_parse(&l->place, &scan, &r->condition))
		return false;
	return ph_scan_done(&scan) ||
	       ph_scan_fail(&scan, scan.at, "PH2036 the condition ends here");
}

static bool
parse_rule(loader *l, const ph_node *node, rule *r)
{
	static const char *const known[] = {
	    "if", "outcome", "reference", "text", "reason", "after", "without", NULL};
	ph_error why;
	int64_t delay = 0;
	if (node->kind != PH_NODE_OBJECT)
		return ph_load_fail(&l->load, node, 0,
		    "PH2505 a rule is a mapping: {if: ..., outcome: ...}");
	if (ph_config_known(l->from, node, known, &why) != PH_OK ||
	    ph_config_duration(l->from, node, "after", 0, &delay, &why) != PH_OK)
		return ph_load_fail_at(&l->load, why.where, why.text);
	r->line = node->line;
	r->reason = "rejected";
	r->without = "";
	r->delay_ms = (uint64_t) delay;
	return parse_outcome(l, node, &r->outcome) && parse_if(l, node, r) &&
	       parse_origin(l, node, "reference", &r->reference) &&
	       parse_origin(l, node, "text", &r->text) &&
	       text_member(l, node, "reason", &r->reason) &&
	       text_member(l, node, "without", &r->without);
}

static bool
parse_rules(loader *l, const ph_node *list)
{
	ph_reply *reply = l->reply;
	if (list->kind != PH_NODE_LIST || list->count == 0 || list->count > RULES_MAX)
		return ph_load_fail(&l->load, list, 0,
		    "PH2505 reply: a list of 1 to %d rules is wanted here", RULES_MAX);
	reply->rules =
	    ph_arena_zalloc(l->load.arena, list->count * sizeof(*reply->rules));
	if (reply->rules == NULL)
		return ph_load_no_memory(&l->load);
	for (const ph_node *n = list->first; n != NULL; n = n->next)
		if (!parse_rule(l, n, &reply->rules[reply->count++]))
			return false;
	return true;
}

/* The map's namespaces, with numbers of our own names. */
static bool
take_syntax(loader *l, const ph_map *map)
{
	ph_reply *reply = l->reply;
	reply->format = map == NULL ? PH_MAP_JSON : map->format;
	bool soap = reply->format == PH_MAP_SOAP;
	reply->syntax = (ph_syntax){.names = reply->names,
	    .separator = '/',
	    .xml = soap || reply->format == PH_MAP_XML,
	    .prefixes = reply->prefixes};
	for (size_t i = 0; map != NULL && i < map->prefix_count; i++) {
		ph_prefix *own = &reply->prefixes[reply->syntax.prefix_count++];
		own->prefix = ph_arena_strdup(l->load.arena, map->prefixes[i].prefix);
		own->space = ph_arena_strdup(l->load.arena, map->prefixes[i].space);
		if (own->space == NULL)
			return ph_load_no_memory(&l->load);
		own->number =
		    ph_names_add(reply->names, own->space, strlen(own->space));
		if (own->prefix == NULL || own->number == 0)
			return ph_load_no_memory(&l->load);
		if (map->vendor_syntax.space == map->prefixes[i].number)
			reply->syntax.space = own->number;
		if (strcmp(own->space, PH_SOAP_NAMESPACE) == 0)
			reply->syntax.bare = own->number;
	}
	return true;
}

ph_status
ph_reply_load(const ph_document *document, const ph_node *rules, const ph_map *map,
    ph_reply **out, ph_error *err)
{
	ph_reply *reply = calloc(1, sizeof(*reply));
	if (reply == NULL)
		return ph_fail(err, PH_ERR_NOMEM, "out of memory");
	ph_status status =
	    ph_document_new(ph_document_name(document), MEMORY, &reply->document, err);
	if (status == PH_OK)
		status = ph_names_new(&reply->names, err);
	if (status == PH_OK) {
		loader l = {.reply = reply, .from = document};
		ph_load_init(&l.load, reply->document, NULL, NULL, NULL);
		l.place = (ph_condition_place){.syntax = &reply->syntax,
		    .context = find_context,
		    .keep = keep_pattern,
		    .self = reply};
		if (take_syntax(&l, map))
			parse_rules(&l, rules);
		status = ph_load_status(&l.load, err);
		if (status == PH_OK && map != NULL && map->records != NULL)
			status = ph_records_load(
			    ph_records_file(map->records), &reply->records, err);
	}
	if (status != PH_OK) {
		ph_reply_destroy(&reply);
		return status;
	}
	*out = reply;
	return PH_OK;
}

void
ph_reply_destroy(ph_reply **reply_p)
{
	ph_reply *reply = *reply_p;
	if (reply == NULL)
		return;
	while (reply->patterns != NULL) {
		kept_pattern *kept = reply->patterns;
		reply->patterns = kept->next;
		ph_pattern_destroy(&kept->pattern);
		free(kept);
	}
	ph_records_destroy(&reply->records);
	ph_names_destroy(&reply->names);
	ph_document_destroy(&reply->document);
	free(reply);
	*reply_p = NULL;
}

/* ---- judging ---- */

typedef struct judgement {
	const ph_reply *reply;
	ph_document *document;
	ph_node *root; /* NULL: the answer could not be read */
	/* A node whose only child is the root, so that paths can begin with its name. */
	ph_node above;
	ph_reading reading;
	ph_value context[CONTEXTS];
	const ph_node *found; /* the condition's first path */
	char status[16];
} judgement;

/* The part of a fault's code after the prefix. */
static void
note_fault(judgement *j)
{
	if (j->root == NULL || j->root->name == NULL ||
	    strcmp(j->root->name, "Fault") != 0)
		return;
	const char *code = ph_node_text(j->root, "faultcode");
	if (code == NULL)
		return;
	const char *colon = strchr(code, ':');
	code = colon == NULL ? code : colon + 1;
	j->context[CONTEXT_FAULT] = ph_value_text(code, strlen(code));
}

static bool
decode(judgement *j, const void *bytes, size_t length)
{
	ph_node *header, *body;
	switch (j->reply->format) {
	case PH_MAP_XML:
		if (ph_xml_decode(j->document, bytes, length, NULL) != PH_OK)
			return false;
		j->root = ph_document_root(j->document);
		return true;
	case PH_MAP_SOAP:
		if (ph_xml_decode(j->document, bytes, length, NULL) != PH_OK ||
		    ph_soap_unwrap(j->document, &header, &body, NULL) != PH_OK)
			return false;
		j->root = body;
		return true;
	case PH_MAP_JSON:
		if (ph_json_decode(j->document, bytes, length, NULL) != PH_OK)
			return false;
		j->root = ph_document_root(j->document);
		return true;
	case PH_MAP_FORM:
		if (ph_form_decode(j->document, bytes, length, NULL) != PH_OK)
			return false;
		j->root = ph_document_root(j->document);
		return true;
	case PH_MAP_MULTIPART:
		if (ph_multipart_decode(j->document, bytes, length, NULL) != PH_OK)
			return false;
		j->root = ph_document_root(j->document);
		return true;
	case PH_MAP_CSV:
	case PH_MAP_RECORD_CSV:
	case PH_MAP_FIXED:
	case PH_MAP_HL7:
		if (ph_records_decode(
			j->reply->records, j->document, bytes, length, NULL) != PH_OK)
			return false;
		j->root = ph_document_root(j->document);
		return true;
	}
	PH_UNREACHABLE("format");
}

static const ph_node *
record_of(const judgement *j)
{
	if (j->root == NULL)
		return NULL;
	return j->reply->syntax.xml ? &j->above : j->root;
}

/* For XML the first step of a path is the root's own name: make a node above it. */
static void
set_above(judgement *j)
{
	j->above = (ph_node){.kind = PH_NODE_OBJECT, .count = 1};
	j->above.first = j->above.last = j->root;
}

static ph_value
value_of(judgement *j, const origin *o)
{
	ph_value value = {0};
	const ph_node *from = o->relative ? j->found : record_of(j);
	switch (o->kind) {
	case NOTHING:
		break;
	case LITERAL:
		value = ph_value_text(o->text, o->length);
		break;
	case CONTEXT:
		value = j->context[o->context];
		break;
	case PATH:
		if (from != NULL)
			from = ph_path_node(&j->reading, &o->path, from);
		if (from != NULL && !ph_node_read(&j->reading, from, &value))
			value = (ph_value){0};
		break;
	}
	return value;
}

/* Copy as one line; cut at a character. False if it did not fit. */
static bool
copy_line(const ph_value *value, char *out, size_t size)
{
	out[0] = 0;
	if (!ph_value_is_text(value))
		return true;
	size_t length = value->length < size ? value->length : size - 1;
	while (length < value->length && length > 0 &&
	       ((unsigned char) value->text[length] & 0xc0) == 0x80)
		length--;
	memcpy(out, value->text, length);
	out[length] = 0;
	for (char *p = out; *p != 0; p++)
		if ((unsigned char) *p < ' ' || *p == 0x7f)
			*p = ' ';
	return length == value->length;
}

static void
decide(judgement *j, const rule *r, ph_verdict *out)
{
	out->matched = true;
	out->line = r->line;
	out->outcome = r->outcome;
	out->delay_ms = r->delay_ms;
	if (j->found != NULL) {
		ph_node_path(j->found, out->path, sizeof(out->path));
		if (!ph_node_read(&j->reading, j->found, &j->context[CONTEXT_VALUE]))
			j->context[CONTEXT_VALUE] = (ph_value){0};
	}
	ph_value text = value_of(j, &r->text), reference = value_of(j, &r->reference);
	copy_line(&text, out->text, sizeof(out->text));
	snprintf(out->without, sizeof(out->without), "%s", r->without);
	if (r->outcome == PH_REJECTED)
		snprintf(out->reason, sizeof(out->reason), "%s", r->reason);
	if (!copy_line(&reference, out->reference, sizeof(out->reference))) {
		out->reference[0] = 0;
		out->outcome = PH_UNKNOWN;
		snprintf(out->text, sizeof(out->text),
		    "PH2506 the vendor's reference is too long to be kept");
	}
}

static void
judge(judgement *j, ph_verdict *out)
{
	const ph_reply *reply = j->reply;
	for (size_t i = 0; i < reply->count; i++) {
		const rule *r = &reply->rules[i];
		j->found = NULL;
		if (r->has_if && !ph_condition_holds(&r->condition, &j->reading,
				     record_of(j), j->context, &j->found))
			continue;
		decide(j, r, out);
		return;
	}
	out->outcome = PH_UNKNOWN;
	snprintf(out->text, sizeof(out->text), "%s",
	    j->root == NULL
		? "PH2501 the answer cannot be read, so nobody can tell what "
		  "became of the message"
		: "PH2501 the answer fits no reply rule, so nobody can tell what "
		  "became of the message");
}

ph_status
ph_reply_judge(const ph_reply *reply, unsigned status, const void *bytes, size_t length,
    ph_verdict *out, ph_error *err)
{
	judgement j = {.reply = reply};
	memset(out, 0, sizeof(*out));
	ph_status made = ph_document_new("answer",
	    MEMORY + 24 * (length > MEMORY ? MEMORY : length), &j.document, err);
	if (made != PH_OK)
		return made;
	if (!decode(&j, bytes, length))
		j.root = NULL;
	note_fault(&j);
	if (j.root != NULL && reply->syntax.xml)
		set_above(&j);
	j.reading.names = ph_document_bind(j.document, reply->names);
	j.reading.arena = ph_document_arena(j.document);
	if (j.reading.names == NULL) {
		ph_document_destroy(&j.document);
		return ph_fail(err, PH_ERR_NOMEM, "out of memory");
	}
	if (status > 0) {
		snprintf(j.status, sizeof(j.status), "%u", status);
		j.context[CONTEXT_STATUS] = ph_value_text(j.status, strlen(j.status));
	}
	judge(&j, out);
	ph_document_destroy(&j.document);
	return PH_OK;
}
