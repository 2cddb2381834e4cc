/*
 * condition - tests are a list, all of which must hold; alternatives are a list of such lists.
 */
#include "transform/condition.h"

#include <string.h>

#include "lib/base/assert.h"

/* Is `word` next, as a word of its own? */
static bool
take_word(ph_scan *scan, const char *word)
{
	ph_scan_space(scan);
	size_t length = strlen(word), after = scan->at + length;
	if (!ph_scan_sees(scan, word) ||
	    (after < scan->end && scan->text[after] != ' ' && scan->text[after] != '"'))
		return false;
	scan->at = after;
	return true;
}

static bool
context_name(const ph_condition_place *place, ph_scan *scan, int *out)
{
	size_t at = scan->at - 1, length;
	const char *name = ph_scan_name(scan, &length);
	*out = place->context(place->self, scan->load->arena, name, length);
	return *out >= 0 || ph_scan_fail(scan, at, "PH2030 unknown name after $");
}

static bool
operand(const ph_condition_place *place, ph_scan *scan, ph_test *test)
{
	test->context = -1;
	if (ph_scan_take(scan, "$"))
		return context_name(place, scan, &test->context);
	size_t at = scan->at, length, count;
	const char *text = ph_scan_path(scan, &length);
	ph_path paths[2];
	if (length == 0)
		return ph_scan_fail(
		    scan, at, "PH2031 a field or $name is missing here");
	if (!ph_path_parse(place->syntax, scan, text, length, paths, &count))
		return false;
	if (count != 1)
		return ph_scan_fail(
		    scan, at, "PH2032 a name/value list cannot stand in a condition");
	test->path = paths[0];
	return true;
}

static bool
right_side(const ph_condition_place *place, ph_scan *scan, ph_test *test)
{
	test->value_context = -1;
	ph_scan_space(scan);
	if (ph_scan_take(scan, "$"))
		return context_name(place, scan, &test->value_context);
	if (ph_scan_sees(scan, "\"")) {
		test->value = ph_scan_string(scan, &test->value_length);
		return test->value != NULL;
	}
	size_t at = scan->at;
	while (scan->at < scan->end && strchr(" ,|)", scan->text[scan->at]) == NULL)
		scan->at++;
	if (scan->at == at)
		return ph_scan_fail(scan, at, "PH2031 a value is missing here");
	test->value_length = scan->at - at;
	test->value =
	    ph_arena_dup(scan->load->arena, scan->text + at, test->value_length);
	return test->value != NULL || ph_load_no_memory(scan->load);
}

static bool
comparison(const ph_condition_place *place, ph_scan *scan, ph_test *test)
{
	size_t at;
	test->compare = PH_COMPARE_THERE;
	if (ph_scan_sees(scan, "=="))
		return ph_scan_fail(scan, scan->at, "PH2033 write = for equal");
	if (ph_scan_take(scan, "!=")) {
		test->compare = PH_COMPARE_UNEQUAL;
		return right_side(place, scan, test);
	}
	if (ph_scan_take(scan, "=")) {
		test->compare = PH_COMPARE_EQUAL;
		return right_side(place, scan, test);
	}
	if (!take_word(scan, "matches"))
		return true;
	ph_scan_space(scan);
	at = scan->at;
	test->compare = PH_COMPARE_MATCHES;
	if (!ph_scan_sees(scan, "\""))
		return ph_scan_fail(scan, at, "PH2034 a \"pattern\" is wanted here");
	size_t length;
	const char *text = ph_scan_string(scan, &length);
	ph_error why;
	if (text == NULL)
		return false;
	if (ph_pattern_new(text, length, &test->pattern, &why) != PH_OK)
		return ph_scan_fail(scan, at, "PH2035 pattern: %s", why.text);
	return place->keep(place->self, test->pattern) || ph_load_no_memory(scan->load);
}

/* test [and test]... */
static bool
all_of(const ph_condition_place *place, ph_scan *scan, ph_condition *out)
{
	ph_test **link = &out->first;
	do {
		ph_test *test = ph_arena_zalloc(scan->load->arena, sizeof(*test));
		if (test == NULL)
			return ph_load_no_memory(scan->load);
		*link = test;
		link = &test->next;
		test->value_context = -1;
		test->negated = take_word(scan, "not");
		if (!operand(place, scan, test) || !comparison(place, scan, test))
			return false;
	} while (take_word(scan, "and"));
	return true;
}

bool
ph_condition_parse(const ph_condition_place *place, ph_scan *scan, ph_condition *out)
{
	for (;;) {
		if (!all_of(place, scan, out))
			return false;
		if (!take_word(scan, "or"))
			break;
		out->otherwise =
		    ph_arena_zalloc(scan->load->arena, sizeof(*out->otherwise));
		if (out->otherwise == NULL)
			return ph_load_no_memory(scan->load);
		out = out->otherwise;
	}
	if (ph_scan_done(scan) || ph_scan_sees(scan, "|"))
		return true;
	return ph_scan_fail(scan, scan->at,
	    "PH2036 \"and\", \"or\" or the end of the condition is wanted here");
}

/* Same bytes, in a time that depends on the lengths only. */
static bool
same_secret(const ph_value *a, const char *text, size_t length)
{
	unsigned char differ = a->length == length ? 0 : 1;
	for (size_t i = 0; i < a->length; i++)
		differ |=
		    (unsigned char) (a->text[i] ^ (length == 0 ? 1 : text[i % length]));
	return differ == 0;
}

static bool
is_yes(const ph_value *value)
{
	static const char *const words[] = {"yes", "true", "on", "1"};
	for (size_t i = 0; i < 4; i++)
		if (ph_value_is(value, words[i]))
			return true;
	return false;
}

static bool
one_holds(const ph_test *test, const ph_value *value, const ph_value *context)
{
	const char *text = test->value;
	size_t length = test->value_length;
	if (test->compare == PH_COMPARE_THERE)
		return test->context >= 0 ? is_yes(value)
					  : value->kind != PH_VALUE_ABSENT;
	if (!ph_value_is_text(value))
		return false;
	if (test->compare == PH_COMPARE_MATCHES)
		return ph_pattern_match(test->pattern, value->text, value->length,
			   NULL) == PH_MATCH_YES;
	if (test->value_context >= 0) {
		const ph_value *other = &context[test->value_context];
		if (!ph_value_is_text(other))
			return false;
		text = other->text;
		length = other->length;
	}
	return same_secret(value, text, length) == (test->compare == PH_COMPARE_EQUAL);
}

static bool
test_holds(const ph_test *test, ph_reading *reading, const ph_node *record,
    const ph_value *context, const ph_node **node)
{
	ph_value value = {0};
	if (test->context >= 0)
		return one_holds(test, &context[test->context], context);
	const ph_node *found =
	    record == NULL ? NULL : ph_path_node(reading, &test->path, record);
	if (found != NULL && node != NULL && *node == NULL)
		*node = found;
	if (test->compare == PH_COMPARE_THERE)
		return found != NULL;
	if (record == NULL || !ph_path_read(reading, &test->path, record, &value))
		return false;
	if (value.kind != PH_VALUE_MANY)
		return one_holds(test, &value, context);
	for (uint32_t i = 0; i < value.count; i++)
		if (one_holds(test, &value.items[i], context))
			return true;
	return false;
}

bool
ph_condition_holds(const ph_condition *condition, ph_reading *reading,
    const ph_node *record, const ph_value *context, const ph_node **node)
{
	for (; condition != NULL; condition = condition->otherwise) {
		const ph_test *test = condition->first;
		if (node != NULL)
			*node = NULL;
		while (test != NULL && test_holds(test, reading, record, context,
					   node) != test->negated)
			test = test->next;
		if (test == NULL)
			return true;
	}
	return false;
}
