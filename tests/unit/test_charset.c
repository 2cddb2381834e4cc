/*
 * XML in other charsets than UTF-8, and text that was made UTF-8 twice.
 */
#include "lib/codec/charset.h"

#include <stdio.h>
#include <string.h>

#include "adapters/host/reduce.h"
#include "lib/codec/codec.h"
#include "tests/unit/documents.h"

#define LOOP(tcase, test, table)                                                       \
	tcase_add_loop_test(tcase, test, 0, (int) (sizeof(table) / sizeof((table)[0])))

static ph_document *
read_xml(const char *text, size_t length)
{
	ph_document *d = new_document();
	ph_error err = {0};
	ck_assert_msg(decode_exact(ph_xml_decode, d, text, length, &err) == PH_OK,
	    "%s: %s", err.where, err.text);
	return d;
}

/* "&#8364;" is the euro; each text is read as UTF-8, written in the charset, read back. */
static const struct {
	ph_charset charset;
	const char *text;
	const char *written;
} written[] = {
    {PH_CHARSET_UTF_8, "<a>\xC3\xA9\xE2\x82\xAC</a>",
	"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<a>\xC3\xA9\xE2\x82\xAC</a>"},
    {PH_CHARSET_WINDOWS_1252, "<a>\xC3\xA9\xE2\x82\xAC</a>",
	"<?xml version=\"1.0\" encoding=\"windows-1252\"?>\n<a>\xE9\x80</a>"},
    {PH_CHARSET_ISO_8859_1, "<a>\xC3\xA9\xE2\x82\xAC</a>",
	"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>\n<a>\xE9&#8364;</a>"},
    {PH_CHARSET_WINDOWS_1252, "<a b=\"\xC5\x81\">\xF0\x9F\x90\x8E &amp; \xC3\xBF</a>",
	"<?xml version=\"1.0\" encoding=\"windows-1252\"?>\n"
	"<a b=\"&#321;\">&#128014; &amp; \xFF</a>"},
    {PH_CHARSET_ISO_8859_1, "<a xmlns=\"urn:\xC5\x81\"><b>x&#133;&#129;</b></a>",
	"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>\n"
	"<n1:a xmlns:n1=\"urn:&#321;\"><n1:b>x&#133;&#129;</n1:b></n1:a>"},
    {PH_CHARSET_WINDOWS_1252, "<\xC3\xA9>x&#133;&#129;</\xC3\xA9>",
	"<?xml version=\"1.0\" encoding=\"windows-1252\"?>\n"
	"<\xE9>x&#133;&#129;</\xE9>"},
};

START_TEST(xml_is_written_in_a_charset)
{
	ph_buffer out;
	ph_buffer_init(&out, 0);
	ph_document *d = read_xml(written[_i].text, strlen(written[_i].text));
	ck_assert_int_eq(ph_xml_encode_in(ph_document_root(d), NULL, 0,
			     written[_i].charset, &out, NULL),
	    PH_OK);
	ck_assert_str_eq(ph_buffer_cstr(&out), written[_i].written);
	ph_document *again = read_xml((const char *) out.data, out.length);
	char *before = describe(d, SPACES);
	char *after = describe(again, SPACES);
	ck_assert_str_eq(after, before);
	free(before);
	free(after);
	ph_document_destroy(&d);
	ph_document_destroy(&again);
	ph_buffer_fini(&out);
}
END_TEST

static const char *const unwritable[] = {
    "<\xC5\x81/>", "<a \xC5\x81=\"1\"/>", "<a><\xC5\x81/></a>"};

START_TEST(a_name_that_a_charset_has_not_is_refused)
{
	ph_buffer out;
	ph_error err = {0};
	ph_buffer_init(&out, 0);
	ph_document *d = read_xml(unwritable[_i], strlen(unwritable[_i]));
	const ph_node *root = ph_document_root(d);
	ck_assert_int_eq(
	    ph_xml_encode_in(root, NULL, 0, PH_CHARSET_ISO_8859_1, &out, &err),
	    PH_ERR_INVALID);
	ck_assert_int_eq(strncmp(err.text, "PH3070", 6), 0);
	ck_assert_uint_eq(out.length, 0);
	ck_assert_int_eq(
	    ph_xml_encode_in(root, NULL, 0, PH_CHARSET_UTF_8, &out, &err), PH_OK);
	ph_buffer_fini(&out);
	ph_document_destroy(&d);
}
END_TEST

/* "\xC3\xA9" is e acute; made UTF-8 again it is "\xC3\x83\xC2\xA9". */
static const struct {
	const char *text;
	const char *repaired;
} twice[] = {
    {"plain", "plain"},
    {"caf\xC3\xA9", "caf\xC3\xA9"},	    /* made once */
    {"caf\xC3\x83\xC2\xA9", "caf\xC3\xA9"}, /* twice */
    {"\xC3\x83\xC2\xA9t\xC3\x83\xC2\xA9", "\xC3\xA9t\xC3\xA9"},
    {"caf\xC3\x83\xC2\xA9 \xC3\xA9",
	"caf\xC3\x83\xC2\xA9 \xC3\xA9"},			/* not as a whole */
    {"\xC3\x83\xC2\xA9 \xC5\x81", "\xC3\x83\xC2\xA9 \xC5\x81"}, /* no such byte */
    {"\xC3\x83", "\xC3\x83"},					/* cut */
    /* the euro, its first byte as windows-1252 and its second as nothing or as itself */
    {"\xC3\xA2\xE2\x80\x9A\xC2\xAC", "\xE2\x82\xAC"},
    {"\xC3\xA2\xC2\x82\xC2\xAC", "\xE2\x82\xAC"},
    /* a closing quote: E2 80 9D, and 9D is nothing in windows-1252 */
    {"\xC3\xA2\xE2\x82\xAC\xC2\x9D", "\xE2\x80\x9D"},
    /* three times becomes twice */
    {"\xC3\x83\xC6\x92\xC3\x82\xC2\xA9", "\xC3\x83\xC2\xA9"},
};

START_TEST(text_made_twice_is_read_as_made_once)
{
	char text[256];
	char tree[256];
	const char *good = twice[_i].repaired;
	snprintf(text, sizeof text, "<a b=\"%s\"><c>%s</c><d>%s</d></a>",
	    twice[_i].text, twice[_i].text, "1");
	snprintf(tree, sizeof tree, "{@b: '%s', c: '%s', d: '1'}", good, good);
	ph_document *d = read_xml(text, strlen(text));
	ck_assert_int_eq(ph_text_repair(d, NULL), PH_OK);
	char *after = describe(d, 0);
	ck_assert_str_eq(after, tree);
	free(after);
	ph_document_destroy(&d);
}
END_TEST

START_TEST(an_empty_document_needs_no_repair)
{
	ph_document *d = new_document();
	ck_assert_int_eq(ph_text_repair(d, NULL), PH_OK);
	ph_document_destroy(&d);
}
END_TEST

/* What is sent again without a field is in the charset that it was in. */
START_TEST(a_shorter_request_keeps_its_charset)
{
	for (size_t i = 0; i < 3; i++) {
		static const char *const names[] = {
		    "UTF-8", "windows-1252", "ISO-8859-1"};
		char text[128];
		char wanted[128];
		ph_buffer out;
		ph_buffer_init(&out, 0);
		const char *e = i == 0 ? "\xC3\xA9" : "\xE9";
		snprintf(wanted, sizeof wanted,
		    "<?xml version=\"1.0\" encoding=\"%s\"?>\n<a><b>%s</b></a>",
		    names[i], e);
		snprintf(text, sizeof text,
		    "<?xml version=\"1.0\" encoding=\"%s\"?>\n<a><b>%s</b><c>1</c></a>",
		    names[i], e);
		ck_assert_int_eq(
		    ph_reduce(PH_MAP_XML, text, strlen(text), "x/c", &out, NULL),
		    PH_OK);
		ck_assert_str_eq(ph_buffer_cstr(&out), wanted);
		ph_buffer_fini(&out);
	}
}
END_TEST

static Suite *
charset_suite(void)
{
	Suite *suite = suite_create("charset");
	TCase *tcase = tcase_create("charset");
	LOOP(tcase, xml_is_written_in_a_charset, written);
	LOOP(tcase, a_name_that_a_charset_has_not_is_refused, unwritable);
	LOOP(tcase, text_made_twice_is_read_as_made_once, twice);
	tcase_add_test(tcase, an_empty_document_needs_no_repair);
	tcase_add_test(tcase, a_shorter_request_keeps_its_charset);
	suite_add_tcase(suite, tcase);
	return suite;
}

int
main(void)
{
	return ph_check_main(charset_suite());
}
