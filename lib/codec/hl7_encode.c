/*
 * hl7_encode - segments, each ended by a carriage return, as they were read.
 *
 * Members go to their numbers, whatever their order; repeated members and list items
 * are repetitions. MSH-1 and MSH-2 are used if the document has them, else |^~\&. What
 * is empty at the end of a segment, field or component is not written.
 */
#include <string.h>

#include "lib/codec/hl7_inner.h"

typedef struct writer {
	const ph_records *records;
	ph_buffer *out;
	ph_error *err;
	ph_hl7_marks marks;
	ph_buffer text; /* one text in the charset */
	/* the first member of each number, of the segment, the field, the component */
	const ph_node *heads[3][PH_FIELDS_MAX + 1];
	size_t most[3]; /* the highest number used of each */
} writer;

enum { SEGMENT, FIELD, COMPONENT };

/* The number of a member, from 1; 0: none. */
static size_t
number_of(const ph_field_rule *rules, size_t count, const char *name)
{
	size_t number = 0;
	for (size_t i = 0; i < count; i++)
		if (strcmp(rules[i].name, name) == 0)
			return rules[i].number;
	if (*name == '0')
		return 0;
	for (; *name >= '0' && *name <= '9' && number <= PH_FIELDS_MAX; name++)
		number = number * 10 + (size_t) (*name - '0');
	return *name == '\0' && number <= PH_FIELDS_MAX ? number : 0;
}

/* Put the members at their numbers. Those of one number stand together. */
static ph_status
arrange(writer *w, int level, const ph_node *node, const ph_field_rule *rules,
    size_t count, size_t *most)
{
	const ph_node **heads = w->heads[level];
	size_t before = 0;
	memset(heads, 0, (w->most[level] + 1) * sizeof *heads);
	w->most[level] = 0;
	for (const ph_node *n = node->first; n != NULL; n = n->next) {
		size_t number = number_of(rules, count, n->name);
		if (number == 0)
			return ph_records_refuse(n, w->err,
			    "PH3151 a field that is neither described nor a number");
		if (heads[number] != NULL && (number != before || level != SEGMENT))
			return ph_records_refuse(
			    n, w->err, "PH3152 a field is there twice");
		if (heads[number] == NULL)
			heads[number] = n;
		w->most[level] = number > w->most[level] ? number : w->most[level];
		before = number;
	}
	*most = w->most[level];
	return PH_OK;
}

/* ---- texts ---- */

static void
put_escape(writer *w, const char *word)
{
	ph_buffer_u8(w->out, (uint8_t) w->marks.escape);
	ph_buffer_text(w->out, word);
	ph_buffer_u8(w->out, (uint8_t) w->marks.escape);
}

static void
put_byte(writer *w, uint8_t byte)
{
	static const char *const words[] = {"F", "S", "T", "R", "E"};
	const char marks[] = {w->marks.field, w->marks.component, w->marks.part,
	    w->marks.repetition, w->marks.escape};
	const char *mark = memchr(marks, (char) byte, sizeof marks);
	if (mark != NULL) {
		put_escape(w, words[mark - marks]);
	} else if (byte == '\n') {
		put_escape(w, ".br");
	} else if (byte < 0x20 || byte == 0x7F) {
		static const char hex[] = "0123456789ABCDEF";
		put_escape(w, (char[]){'X', hex[byte >> 4], hex[byte & 15], '\0'});
	} else {
		ph_buffer_u8(w->out, byte);
	}
}

static ph_status
write_scalar(writer *w, const ph_node *node)
{
	if (node->kind == PH_NODE_NULL) {
		ph_buffer_text(w->out, "\"\"");
		return PH_OK;
	}
	ph_buffer_clear(&w->text);
	ph_status status = ph_records_write_text(w->records, node, &w->text, w->err);
	if (status != PH_OK)
		return status;
	if (w->text.failed)
		return ph_fail(w->err, PH_ERR_NOMEM, "out of memory");
	/* what would be read as null */
	if (w->text.length == 2 && memcmp(w->text.data, "\"\"", 2) == 0) {
		put_escape(w, "X22");
		put_escape(w, "X22");
		return PH_OK;
	}
	for (size_t i = 0; i < w->text.length; i++) {
		if (w->text.data[i] == 0)
			return ph_records_refuse(
			    node, w->err, "PH3153 a zero byte in a text");
		put_byte(w, w->text.data[i]);
	}
	return PH_OK;
}

/* ---- the tree ---- */

static bool
is_empty(const ph_node *node)
{
	return node == NULL || (node->kind == PH_NODE_STRING && node->length == 0) ||
	       (node->kind >= PH_NODE_LIST && node->first == NULL &&
		   node->text == NULL);
}

static void
separate(writer *w, char mark, size_t from, size_t to)
{
	for (; from < to; from++)
		ph_buffer_u8(w->out, (uint8_t) mark);
}

static ph_status write_parts(writer *w, int level, const ph_node *node,
    const ph_field_rule *rules, size_t count);

static ph_status
write_part(writer *w, int level, const ph_node *node)
{
	if (ph_node_is_scalar(node))
		return write_scalar(w, node);
	if (level == COMPONENT || node->kind == PH_NODE_LIST)
		return ph_records_refuse(
		    node, w->err, "PH3152 a text is wanted, not an object or a list");
	return write_parts(w, COMPONENT, node, NULL, 0);
}

/* Components of a field, or subcomponents of a component. */
static ph_status
write_parts(
    writer *w, int level, const ph_node *node, const ph_field_rule *rules, size_t count)
{
	size_t most = 0, at = 1;
	char mark = level == FIELD ? w->marks.component : w->marks.part;
	ph_status status = arrange(w, level, node, rules, count, &most);
	/* its own text, unless the first part says it */
	if (status == PH_OK && w->heads[level][1] == NULL && node->text != NULL)
		status = write_scalar(w, node);
	for (size_t n = 1; n <= most && status == PH_OK; n++) {
		const ph_node *part = w->heads[level][n];
		if (is_empty(part))
			continue;
		separate(w, mark, at, n);
		at = n;
		status = write_part(w, level, part);
	}
	return status;
}

static ph_status
write_repetition(writer *w, const ph_field_rule *rule, const ph_node *node)
{
	if (ph_node_is_scalar(node))
		return write_scalar(w, node);
	if (node->kind == PH_NODE_LIST)
		return ph_records_refuse(node, w->err, "PH3152 a list in a list");
	return write_parts(w, FIELD, node, rule == NULL ? NULL : rule->parts,
	    rule == NULL ? 0 : rule->part_count);
}

/* A field's repetitions: members of one name after another, each may be a list. */
static ph_status
write_field(writer *w, const ph_field_rule *rule, const ph_node *first)
{
	bool more = false;
	ph_status status = PH_OK;
	for (const ph_node *n = first;
	     n != NULL && n->name == first->name && status == PH_OK; n = n->next) {
		const ph_node *item = n->kind == PH_NODE_LIST ? n->first : n;
		for (; item != NULL && status == PH_OK; item = item->next) {
			if (more)
				ph_buffer_u8(w->out, (uint8_t) w->marks.repetition);
			more = true;
			status = write_repetition(w, rule, item);
			if (n->kind != PH_NODE_LIST)
				break;
		}
	}
	return status;
}

/* MSH-1 and MSH-2, from the document or as usual. */
static ph_status
write_marks(writer *w, const ph_node *segment)
{
	const ph_node *field = w->heads[SEGMENT][1], *encoding = w->heads[SEGMENT][2];
	const char *marks = encoding == NULL ? "^~\\&" : encoding->text;
	const char *mark = field == NULL ? "|" : field->text;
	if (mark == NULL || marks == NULL || strlen(mark) != 1 ||
	    !ph_hl7_marks_read(*mark, marks, strlen(marks), &w->marks))
		return ph_records_refuse(segment, w->err,
		    "PH3155 the separators in MSH-1 and MSH-2 are none: leave them out "
		    "and they are |^~\\&");
	ph_buffer_text(w->out, mark);
	ph_buffer_text(w->out, marks);
	return PH_OK;
}

static const ph_field_rule *
rule_of(const ph_record_rule *rule, size_t number)
{
	for (size_t i = 0; rule != NULL && i < rule->field_count; i++)
		if (rule->fields[i].number == number)
			return &rule->fields[i];
	return NULL;
}

static ph_status
write_segment(writer *w, const ph_node *segment, bool header)
{
	const ph_record_rule *rule = ph_records_by_name(w->records, segment->name);
	size_t most = 0, at = header ? 2 : 0;
	if (segment->kind != PH_NODE_OBJECT)
		return ph_records_refuse(
		    segment, w->err, "PH3152 a segment is an object with its fields");
	ph_status status =
	    arrange(w, SEGMENT, segment, rule == NULL ? NULL : rule->fields,
		rule == NULL ? 0 : rule->field_count, &most);
	ph_buffer_text(w->out, segment->name);
	if (status == PH_OK && header)
		status = write_marks(w, segment);
	for (size_t n = at + 1; n <= most && status == PH_OK; n++) {
		const ph_node *field = w->heads[SEGMENT][n];
		bool again = field != NULL && field->next != NULL &&
			     field->next->name == field->name;
		if (is_empty(field) && !again)
			continue;
		separate(w, w->marks.field, at, n);
		at = n;
		status = write_field(w, rule_of(rule, n), field);
	}
	ph_buffer_u8(w->out, '\r');
	return status;
}

static ph_status
write_segments(writer *w, const ph_node *root)
{
	ph_status status = PH_OK;
	for (const ph_node *n = root->first; n != NULL && status == PH_OK;
	     n = n->next) {
		bool header = strcmp(n->name, "MSH") == 0;
		if (!ph_hl7_is_segment(n->name, strlen(n->name)))
			return ph_records_refuse(
			    n, w->err, "PH3151 this is no name of a segment");
		if (header != (n == root->first))
			return ph_records_refuse(
			    n, w->err, "PH3155 a message begins with MSH and has one");
		status = write_segment(w, n, header);
	}
	return status;
}

ph_status
ph_hl7_encode(const ph_records *records, const ph_node *root, ph_arena *arena,
    ph_buffer *out, ph_error *err)
{
	ph_records said = *records;
	const ph_node *header = ph_node_get(root, "MSH");
	writer w = {.records = &said, .out = out, .err = err};
	if (header == NULL)
		return ph_fail(err, PH_ERR_INVALID, "PH3155 a message begins with MSH");
	const char *name = NULL;
	const ph_field_rule *rule = rule_of(ph_records_by_name(records, "MSH"), 18);
	if (header->kind == PH_NODE_OBJECT)
		name = ph_node_text(header, rule == NULL ? "18" : rule->name);
	if (!said.charset_given && name != NULL &&
	    !ph_hl7_charset(name, strlen(name), &said.charset))
		return ph_records_refuse(header, err,
		    "PH3155 MSH-18 names a charset that is not written: UNICODE UTF-8 "
		    "and 8859/1 are");
	ph_buffer_init_on(&w.text, 0, arena);
	ph_status status = write_segments(&w, root);
	ph_buffer_fini(&w.text);
	return status;
}
