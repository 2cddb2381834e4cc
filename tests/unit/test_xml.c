/*
 * XML: the tree it becomes, and what is refused before it can do harm.
 */
#include "lib/codec/codec.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include <libxml/parser.h>
#include <libxml/xmlIO.h>

#include "tests/unit/documents.h"

#define TEXT(s) (s), sizeof(s) - 1
#define XSI	"xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\""
#define LOOP(tcase, test, table)                                                       \
	tcase_add_loop_test(tcase, test, 0, (int) (sizeof(table) / sizeof((table)[0])))

static const struct {
	const char *bytes;
	size_t length;
	const char *expected;
} good[] = {
    {TEXT("<a/>"), "''"},
    {TEXT("<a></a>"), "''"},
    {TEXT("<a>text</a>"), "'text'"},
    {TEXT("<a>  </a>"), "'  '"},
    {TEXT("<a><b>1</b><c/></a>"), "{b: '1', c: ''}"},
    {TEXT("<a>\n <b>1</b>\n\t<c> 2 </c>\r\n</a>\n"), "{b: '1', c: ' 2 '}"},
    {TEXT("<a><b>1</b><c/><b>2</b></a>"), "{b: '1', c: '', b: '2'}"},
    {TEXT("<a x=\"1\" y='2'>t</a>"), "{+'t', @x: '1', @y: '2'}"},
    {TEXT("<a x=\"1\"/>"), "{+'', @x: '1'}"},
    {TEXT("<a x=\"1\"> </a>"), "{+' ', @x: '1'}"},
    {TEXT("<a x=\"1\"> <x>2</x> </a>"), "{@x: '1', x: '2'}"},
    /* text beside elements */
    {TEXT("<a>one <b>two</b> three <c/>\n</a>"), "{+'one  three ', b: 'two', c: ''}"},
    {TEXT("<a><b>x<c>y</c>z</b>w</a>"), "{+'w', b: {+'xz', c: 'y'}}"},
    /* references, CDATA, comments and instructions */
    {TEXT("<a>&lt;&amp;&gt;&quot;&apos;&#65;&#x42;&#x1F600;</a>"),
	"'<&>\"'AB\xF0\x9F\x98\x80'"},
    {TEXT("<a>a<![CDATA[<b>&amp;]]>c</a>"), "'a<b>&amp;c'"},
    {TEXT("<a>a<!-- no -->b<?pi no?>c</a>"), "'abc'"},
    {TEXT("<?xml version=\"1.0\"?><!-- c --><?xml-stylesheet href=\"x\"?><a/><!-- d "
	  "-->"),
	"''"},
    {TEXT("<a> <!-- c --> <b/> <![CDATA[ ]]> </a>"), "{b: ''}"},
    {TEXT("<a x=\"&lt;&amp;&gt;&quot;&apos;&#65;&#x42;\"/>"), "{+'', @x: '<&>\"'AB'}"},
    {TEXT("<a x=\"&#38;&#38;#38;&amp;amp;&amp;#38;\"/>"),
	"{+'', @x: '&&#38;&amp;&#38;'}"},
    {TEXT("<a x=\"a&amp;b\" y=\"&#x26;\"/>"), "{+'', @x: 'a&b', @y: '&'}"},
    {TEXT("<a x=\" a\n\tb \"/>"), "{+'', @x: ' a  b '}"},
    {TEXT("<a x=\"a&#10;b&#9;c&#13;d\"/>"), "{+'', @x: 'a\nb\tc\rd'}"},
    {TEXT("<a>a\r\nb\rc&#13;&#10;d</a>"), "'a\nb\nc\r\nd'"},
    /* nothing, and nothing said */
    {TEXT("<a " XSI "><b xsi:nil=\"true\"/><c xsi:nil=\"1\"></c><d/></a>"),
	"{b: ~, c: ~, d: ''}"},
    {TEXT("<a " XSI "><b xsi:nil=\"false\">x</b><c xsi:nil=\"0\" k=\"v\"/></a>"),
	"{b: 'x', c: {+'', @k: 'v'}}"},
    {TEXT("<a " XSI "><b xsi:nil=\"true\" k=\"v\"/></a>"), "{b: ~@k: 'v'}"},
    {TEXT("<a nil=\"true\"/>"), "{+'', @nil: 'true'}"},
    /* encodings */
    {TEXT("\xEF\xBB\xBF<a>\xC3\xA9</a>"), "'\xC3\xA9'"},
    {TEXT("<?xml version='1.0' encoding='utf-8'?><a>\xE2\x82\xAC</a>"),
	"'\xE2\x82\xAC'"},
    {TEXT("<?xml version=\"1.0\" encoding = \"windows-1252\" ?><a "
	  "x=\"\x80\">\x92\xE9</a>"),
	"{+'\xE2\x80\x99\xC3\xA9', @x: '\xE2\x82\xAC'}"},
    {TEXT("<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><a>\xA3\x96</a>"),
	"'\xC2\xA3\xE2\x80\x93'"},
    {TEXT("<\xC3\xA9t\xC3\xA9/>"), "''"},
    {TEXT("<a><!-- encoding=\"UTF-16\" --></a>"), "''"},
};

START_TEST(good_text_is_read)
{
	expect_tree(
	    ph_xml_decode, good[_i].bytes, good[_i].length, 0, good[_i].expected);
}
END_TEST

START_TEST(every_node_knows_its_place)
{
	static const char text[] = "<?xml version=\"1.0\"?>\n"
				   "<a xmlns=\"u\" x=\"1\"\n"
				   "   xmlns:p='v'\n"
				   "   p:y = '>'><b\n"
				   "  >t</b>\r\n"
				   "  <c/><!-- <d> --><e/></a>";
	expect_tree(ph_xml_decode, TEXT(text), PLACES,
	    "{@x: '1'^2:14, @y: '>'^4:4, b: 't'^4:14, c: ''^6:3, e: ''^6:19}^2:1");
}
END_TEST

START_TEST(namespaces_are_kept)
{
	static const char text[] =
	    "<s:a xmlns:s=\"urn:s\" xmlns=\"urn:d\" k=\"1\" s:k=\"2\" "
	    "xml:lang=\"en\"><b/>"
	    "<c xmlns=\"\"><d/></c><s:b xmlns:s=\"urn:t\"><s:e/></s:b><s:b/></s:a>";
	expect_tree(ph_xml_decode, TEXT(text), SPACES,
	    "{@k: '1', @{urn:s}k: '2', @{http://www.w3.org/XML/1998/namespace}lang: "
	    "'en', "
	    "{urn:d}b: '', c: {d: ''}, {urn:t}b: {{urn:t}e: ''}, {urn:s}b: ''}");
	expect_tree(ph_xml_decode, TEXT("<a><b xmlns=\"u?&amp;&#38;x&lt;\"/></a>"),
	    SPACES, "{{u?&&x<}b: ''}");
	ph_document *d = new_document();
	ck_assert_int_eq(ph_xml_decode(d, TEXT(text), NULL), PH_OK);
	const ph_node *root = ph_document_root(d);
	ck_assert_str_eq(root->name, "a");
	ck_assert_str_eq(root->space, "urn:s");
	ck_assert_ptr_eq(root->last->space, root->space);
	/* of the same name, but not of the same namespace */
	ck_assert_ptr_null(ph_node_next_same(ph_node_get(root, "b")));
	ph_document_destroy(&d);
}
END_TEST

static const struct {
	const char *bytes;
	size_t length;
	const char *code;
	const char *place;
} bad[] = {
    {TEXT(""), "PH3027", "1:1"},
    {TEXT(" "), "PH3027", NULL},
    {TEXT("text"), "PH3027", "1:1"},
    {TEXT("{\"a\":1}"), "PH3027", "1:1"},
    {TEXT("<a>"), "PH3027", "1:4"},
    {TEXT("<a><b></a>"), "PH3027", NULL},
    {TEXT("</a>"), "PH3027", NULL},
    {TEXT("<a/><b/>"), "PH3027", "1:5"},
    {TEXT("<a/>x"), "PH3027", "1:5"},
    {TEXT("<a x=1/>"), "PH3027", "1:6"},
    {TEXT("<a x/>"), "PH3027", NULL},
    {TEXT("<a x=\"1\" x=\"2\"/>"), "PH3027", NULL},
    {TEXT("<a xmlns:p=\"u\" xmlns:q=\"u\" p:x=\"1\" q:x=\"2\"/>"), "PH3027", NULL},
    {TEXT("<a x=\"<\"/>"), "PH3027", "1:7"},
    {TEXT("<a x=\"1\"y=\"2\"/>"), "PH3027", "1:9"},
    {TEXT("<a>a & b</a>"), "PH3027", NULL},
    {TEXT("<a>&nbsp;</a>"), "PH3027", NULL},
    {TEXT("<a x=\"&nbsp;\"/>"), "PH3027", NULL},
    {TEXT("<a>]]></a>"), "PH3027", NULL},
    {TEXT("<a>&#0;</a>"), "PH3027", NULL},
    {TEXT("<a>&#x1F;</a>"), "PH3027", NULL},
    {TEXT("<a>&#xD800;</a>"), "PH3027", NULL},
    {TEXT("<a>&#xFFFFFFFFFFF41;</a>"), "PH3027", NULL},
    {TEXT("<a>\x01</a>"), "PH3027", "1:4"},
    {TEXT("<a>\xEF\xBF\xBF</a>"), "PH3027", "1:4"},
    {TEXT("<a><!-- -- --></a>"), "PH3027", NULL},
    {TEXT("<a><!-- </a>"), "PH3027", NULL},
    {TEXT("<a><![CDATA[ </a>"), "PH3027", NULL},
    {TEXT(" <?xml version=\"1.0\"?><a/>"), "PH3027", NULL},
    {TEXT("<?xml version=\"1.0\"?><?xml version=\"1.0\"?><a/>"), "PH3027", NULL},
    {TEXT("<?xml version=\"3.0\"?><a/>"), "PH3027", NULL},
    {TEXT("<1/>"), "PH3027", NULL},
    {TEXT("<a\n>\n  <b>\n</c>"), "PH3027", "4:5"},
    /* prefixes: the parser goes on, we do not */
    {TEXT("<p:a/>"), "PH3024", NULL},
    {TEXT("<a p:x=\"1\"/>"), "PH3024", NULL},
    {TEXT("<a><b xmlns:p=\"u\"/><p:c/></a>"), "PH3024", NULL},
    {TEXT("<a xmlns:p=\"\"/>"), "PH3027", NULL},
    {TEXT("<a xmlns:xmlns=\"u\"/>"), "PH3027", NULL},
    {TEXT("<a:b:c xmlns:a=\"u\"/>"), "PH3027", NULL},
    /* declared nothing, and yet something */
    {TEXT("<a " XSI "><b xsi:nil=\"true\">x</b></a>"), "PH3026", NULL},
    {TEXT("<a " XSI "><b xsi:nil=\"true\"><c/></b></a>"), "PH3026", NULL},
    /* encodings */
    {TEXT("<a>\xE9</a>"), "PH3004", "1:4"},
    {TEXT("<a>\xC0\xBC</a>"), "PH3004", "1:4"}, /* an overlong '<' */
    {TEXT("<a>\xED\xA0\x80</a>"), "PH3004", "1:4"},
    {TEXT("<?xml version=\"1.0\" encoding=\"UTF-8\"?><a>\xE9</a>"), "PH3004", "1:42"},
    {TEXT("<?xml version=\"1.0\" encoding=\"UTF-16\"?><a/>"), "PH3020", "1:31"},
    {TEXT("<?xml version=\"1.0\" encoding=\"UTF-7\"?><a>+ADw-</a>"), "PH3020", "1:31"},
    {TEXT("<?xml version=\"1.0\" encoding=\"IBM037\"?><a/>"), "PH3020", "1:31"},
    {TEXT("<?xml version=\"1.0\" encoding=\"\"?><a/>"), "PH3020", "1:31"},
    {TEXT("<?xml version=\"1.0\" encoding=\"windows-1252\"?><a>\x81</a>"), "PH3020",
	NULL},
    {TEXT("\xEF\xBB\xBF<?xml version=\"1.0\" encoding=\"windows-1252\"?><a/>"),
	"PH3020", NULL},
    {TEXT("\xFF\xFE<\0a\0/\0>\0"), "PH3002", "1:1"},
    {TEXT("\xFE\xFF\0<\0a\0/\0>"), "PH3002", "1:1"},
    {TEXT("<\0a\0/\0>\0"), "PH3002", "1:1"},
    {TEXT("\0\0\0<"), "PH3002", "1:1"},
    {TEXT("\x4C\x6F\xA7\x94\x93\x40"), "PH3004", NULL}, /* "<?xml " in EBCDIC */
    {TEXT("<a>\0</a>"), "PH3003", "1:4"},
    {TEXT("<a/>\0"), "PH3003", "1:5"},
    {TEXT("<a/>\0<b>"), "PH3003", "1:5"},
    /* document types, in every coat */
    {TEXT("<!DOCTYPE a><a/>"), "PH3021", "1:1"},
    {TEXT("<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>"), "PH3021", "1:1"},
    {TEXT("<!DOCTYPE a PUBLIC \"p\" \"http://example.org/a.dtd\"><a/>"), "PH3021",
	"1:1"},
    {TEXT("<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><a>&x;</a>"),
	"PH3021", "1:1"},
    {TEXT("<!DOCTYPE a [<!ENTITY % p SYSTEM \"http://example.org/p\"> %p;]><a/>"),
	"PH3021", "1:1"},
    {TEXT("<!DOCTYPE a [<!ATTLIST a b CDATA \"x\">]><a/>"), "PH3021", "1:1"},
    {TEXT("<?xml version=\"1.0\" standalone=\"no\"?>\n<!-- c -->\n <!DOCTYPE a><a/>"),
	"PH3021", "3:2"},
    {TEXT("<?xml version=\"1.0\" encoding=\"windows-1252\"?><!DOCTYPE a><a/>"),
	"PH3021", "1:46"},
    {TEXT("<a><!DOCTYPE a></a>"), "PH3021", "1:4"},
    {TEXT("<!doctype html><html/>"), "PH3021", "1:1"},
    {TEXT("<!ENTITY x \"y\"><a/>"), "PH3021", "1:1"},
    {TEXT("<?p?><!DOCTYPE a><a/>"), "PH3021", "1:6"},
    {TEXT("<!-- > --><!DOCTYPE a><a/>"), "PH3021", "1:11"},
    {TEXT("<!DOCTYPE lolz [<!ENTITY lol \"lol\"><!ENTITY lol2 \"&lol;&lol;&lol;&lol;\">"
	  "<!ENTITY lol3 \"&lol2;&lol2;&lol2;&lol2;\">]><lolz>&lol3;</lolz>"),
	"PH3021", "1:1"},
};

START_TEST(bad_text_is_refused)
{
	expect_refusal(
	    ph_xml_decode, bad[_i].bytes, bad[_i].length, bad[_i].code, bad[_i].place);
}
END_TEST

static int opened; /* files and addresses that the parser asked for */

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

START_TEST(nothing_is_ever_opened)
{
	static const char *const others[] = {
	    "<a xmlns:xi=\"http://www.w3.org/2001/XInclude\">"
	    "<xi:include href=\"file:///etc/passwd\" parse=\"text\"/></a>",
	    "<a " XSI " xsi:schemaLocation=\"urn:a http://example.org/a.xsd\" "
	    "xsi:noNamespaceSchemaLocation=\"/etc/passwd\"/>",
	    "<?xml-stylesheet type=\"text/xsl\" href=\"file:///etc/passwd\"?><a/>",
	    "<?oasis-xml-catalog catalog=\"file:///etc/passwd\"?><a/>",
	    "<?xml-model href=\"file:///etc/passwd\"?><a xml:base=\"file:///etc/\"/>",
	};
	ck_assert_int_ge(xmlRegisterInputCallbacks(note_open, NULL, NULL, NULL), 0);
	xmlSetExternalEntityLoader(note_entity);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		survive(ph_xml_decode, bad[i].bytes, bad[i].length);
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
		ph_document *d = new_document();
		ck_assert_int_eq(
		    ph_xml_decode(d, others[i], strlen(others[i]), NULL), PH_OK);
		ph_document_destroy(&d);
	}
	ck_assert_int_eq(opened, 0);
}
END_TEST

START_TEST(nothing_is_printed)
{
	FILE *sink = tmpfile();
	ck_assert_ptr_nonnull(sink);
	fflush(stderr);
	ck_assert_ptr_nonnull(freopen("/dev/null", "w", stderr));
	ck_assert_int_eq(setvbuf(stderr, NULL, _IONBF, 0), 0);
	xmlSetGenericErrorFunc(sink, NULL);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		survive(ph_xml_decode, bad[i].bytes, bad[i].length);
	ck_assert_int_eq(fflush(sink), 0);
	ck_assert_int_eq(fseek(sink, 0, SEEK_END), 0);
	ck_assert_int_eq(ftell(sink), 0);
	fclose(sink);
}
END_TEST

START_TEST(no_value_is_in_a_refusal)
{
	static const char *const texts[] = {"<a>Zebedee & Zebedee</a>",
	    "<a x=\"Zebedee < \"/>", "<a x=\"Zebedee\" x=\"Zebedee\"/>",
	    "<a>Zebedee&Zebedee;</a>", "<a>Zebedee</b>",
	    "<a " XSI "><b xsi:nil=\"true\">Zebedee</b></a>"};
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		ph_document *d = new_document();
		ph_error err = {0};
		ck_assert_int_eq(
		    ph_xml_decode(d, texts[i], strlen(texts[i]), &err), PH_ERR_INVALID);
		ck_assert_ptr_null(strstr(err.text, "Zebedee"));
		ph_document_destroy(&d);
	}
}
END_TEST

/* `count` times an open tag, then as many close tags. */
static char *
nested(unsigned count, size_t *length)
{
	ph_buffer out;
	ph_buffer_init(&out, 0);
	for (unsigned i = 0; i < count; i++)
		ph_buffer_text(&out, "<a>");
	for (unsigned i = 0; i < count; i++)
		ph_buffer_text(&out, "</a>");
	*length = out.length;
	char *copy = malloc(out.length);
	ck_assert_ptr_nonnull(copy);
	memcpy(copy, out.data, out.length);
	ph_buffer_fini(&out);
	return copy;
}

START_TEST(depth_ends_at_128)
{
	size_t length = 0;
	char *text = nested(128, &length);
	ph_document *d = new_document();
	ck_assert_int_eq(ph_xml_decode(d, text, length, NULL), PH_OK);
	ph_document_destroy(&d);
	free(text);
	text = nested(129, &length);
	expect_refusal(ph_xml_decode, text, length, "PH3025", "1:385");
	free(text);
	text = nested(1000000, &length);
	expect_refusal(ph_xml_decode, text, length, "PH3025", "1:385");
	free(text);
}
END_TEST

static char *
with_attributes(const char *format, unsigned count, size_t *length)
{
	ph_buffer out;
	ph_buffer_init(&out, 0);
	ph_buffer_text(&out, "<a>\n<b");
	for (unsigned i = 0; i < count; i++) {
		ph_buffer_u8(&out, ' ');
		ph_buffer_text(&out, format);
		ph_buffer_printf(&out, "%u=\"u\"", i);
	}
	ph_buffer_text(&out, "/></a>");
	*length = out.length;
	char *copy = malloc(out.length + 1);
	ck_assert_ptr_nonnull(copy);
	memcpy(copy, ph_buffer_cstr(&out), out.length + 1);
	ph_buffer_fini(&out);
	return copy;
}

START_TEST(attributes_end_at_256)
{
	size_t length = 0;
	char *text = with_attributes("x", 256, &length);
	ph_document *d = new_document();
	ck_assert_int_eq(ph_xml_decode(d, text, length, NULL), PH_OK);
	ck_assert_uint_eq(ph_document_root(d)->first->count, 256);
	ph_document_destroy(&d);
	free(text);
	text = with_attributes("x", 257, &length);
	expect_refusal(ph_xml_decode, text, length, "PH3022", "2:1");
	free(text);
	text = with_attributes("x", 600000, &length);
	expect_refusal(ph_xml_decode, text, length, "PH3022", "2:1");
	free(text);
	text = with_attributes("xmlns:x", 128, &length);
	survive(ph_xml_decode, text, length);
	free(text);
	text = with_attributes("xmlns:x", 129, &length);
	expect_refusal(ph_xml_decode, text, length, "PH3022", "2:1");
	free(text);
}
END_TEST

START_TEST(names_end_at_256_bytes)
{
	size_t length = 0;
	char *text = repeat("<", "abcdefgh", 257, "/>", &length);
	ck_assert_uint_eq(length, 259);
	survive(ph_xml_decode, text, length);
	ph_document *d = new_document();
	ck_assert_int_eq(ph_xml_decode(d, text, length, NULL), PH_OK);
	ph_document_destroy(&d);
	free(text);
	static const struct {
		const char *head;
		const char *tail;
	} places[] = {{"<", "/>"}, {"<a ", "=\"\"/>"}, {"<a xmlns=\"u:", "\"/>"}};
	for (size_t i = 0; i < 3; i++) {
		text = repeat(places[i].head, "abcdefgh", 270, places[i].tail, &length);
		expect_refusal(ph_xml_decode, text, length, "PH3023", "1:1");
		free(text);
		text = repeat(
		    places[i].head, "abcdefgh", 4000000, places[i].tail, &length);
		expect_refusal(ph_xml_decode, text, length, "PH30", NULL);
		free(text);
	}
}
END_TEST

/* Each near the limit of 8 MiB, and none may take more than some seconds with
 * sanitizers. */
static const struct {
	const char *head;
	const char *body;
	const char *tail;
} large[] = {
    {"<a>", "<b/>", "</a>"},
    {"<a>", "x<b/>", "</a>"},
    {"<a>", "<b></b>", "</a>"},
    {"<a>", "<b c=\"\"/>", "</a>"},
    {"<a>", "&#97;", "</a>"},
    {"<a>", "&amp;", "</a>"},
    {"<a x=\"", "&amp;", "\"/>"},
    {"<a x=\"", "&#38;", "\"/>"},
    {"<a x=\"", " ", "\"/>"},
    {"<a>", "<![CDATA[]]>", "</a>"},
    {"<a>", "<![CDATA[x]]>", "</a>"},
    {"<a>", "<!---->", "</a>"},
    {"<a>", "<?p?>", "</a>"},
    {"<a><!--", "-=", "--></a>"},
    {"<a><!--", "- ", ""},
    {"<a><![CDATA[", "]]", ""},
    {"<a><?p ", "? ", ""},
    {"<a", " ", "/>"},
    {"", "<", ""},
    {"", "<!", ""},
    {"", "<a", ""},
    {"", "<a ", ""},
    {"<a ", "b", ""},
    {"<a b=\"", "'", ""},
    {"<a>", "\r", "</a>"},
    {"<a>", "\r\n", "</a>"},
    {"<a>", "]", "</a>"},
    {"<a>", "&", "</a>"},
    {"<a>", "text", ""},
    {"<a>", "\xC3\xA9", "</a>"},
    {"<?xml version=\"1.0\" encoding=\"windows-1252\"?><a>", "\x80", "</a>"},
    {"<a xmlns:p1=\"u\" xmlns:p2=\"v\" xmlns:p3=\"w\">", "<p1:a/>", "</a>"},
    {"<a x=\"'\" y='\" ", "a=\"\" ", "'/>"},
};

START_TEST(large_text_costs_in_proportion)
{
	size_t length = 0;
	char *text =
	    repeat(large[_i].head, large[_i].body, 8300000, large[_i].tail, &length);
	clock_t start = clock();
	survive(ph_xml_decode, text, length);
	double seconds = (double) (clock() - start) / CLOCKS_PER_SEC;
	ck_assert_msg(seconds < 10, "%s took %.1f s", large[_i].body, seconds);
	free(text);
}
END_TEST

START_TEST(many_namespaces_in_force_stay_cheap)
{
	ph_buffer out;
	ph_buffer_init(&out, 0);
	ph_buffer_text(&out, "<a");
	for (int i = 0; i < 128; i++)
		ph_buffer_printf(&out, " xmlns:p%d=\"u%d\"", i, i);
	ph_buffer_text(&out, ">");
	while (out.length < 8000000)
		ph_buffer_text(&out, "<p0:a/>");
	ph_buffer_text(&out, "</a>");
	clock_t start = clock();
	survive(ph_xml_decode, out.data, out.length);
	ck_assert_double_lt((double) (clock() - start) / CLOCKS_PER_SEC, 10);
	ph_buffer_fini(&out);
}
END_TEST

START_TEST(the_size_has_a_limit)
{
	size_t length = 0;
	char *text = repeat("<a>", "text", 8u << 20, "</a>", &length);
	expect_refusal(ph_xml_decode, text, length, "PH3001", "1:1");
	free(text);
}
END_TEST

static const char whole[] =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- c --><?p q?>\n"
    "<s:a xmlns:s=\"urn:s\" xmlns=\"u\" " XSI " k=\"&lt;&#65;&amp;\" s:k='2'>\n"
    "<b xsi:nil=\"true\"/><c>t&#x20AC;<![CDATA[<x>]]></c>m\xC3\xA9<d><e/></d></s:a>\n";

START_TEST(damage_never_crashes)
{
	survive_damage(ph_xml_decode, TEXT(whole));
	for (size_t i = 0; i < sizeof whole - 2; i++)
		expect_refusal(ph_xml_decode, whole, i, "PH30", NULL);
}
END_TEST

START_TEST(damage_in_windows_1252_never_crashes)
{
	static const char text[] = "<?xml version=\"1.0\" encoding=\"windows-1252\"?>"
				   "<a b=\"\x80\">\xE9&amp;\x92<c/></a>";
	survive_damage(ph_xml_decode, TEXT(text));
}
END_TEST

START_TEST(a_small_document_limit_is_kept)
{
	for (size_t limit = 16; limit < 4000; limit += 16) {
		ph_document *d = NULL;
		ph_error err = {0};
		if (ph_document_new("t", limit, &d, NULL) != PH_OK)
			continue;
		ph_status status = ph_xml_decode(d, TEXT(whole), &err);
		ck_assert(status == PH_OK || status == PH_ERR_TOO_LARGE);
		ck_assert(status == PH_OK || strncmp(err.text, "PH3005", 6) == 0);
		ph_document_destroy(&d);
	}
}
END_TEST

static Suite *
xml_suite(void)
{
	Suite *suite = suite_create("xml");
	TCase *decode = tcase_create("decode");
	LOOP(decode, good_text_is_read, good);
	tcase_add_test(decode, every_node_knows_its_place);
	tcase_add_test(decode, namespaces_are_kept);
	LOOP(decode, bad_text_is_refused, bad);
	tcase_add_test(decode, nothing_is_ever_opened);
	tcase_add_test(decode, nothing_is_printed);
	tcase_add_test(decode, no_value_is_in_a_refusal);
	tcase_add_test(decode, a_small_document_limit_is_kept);
	suite_add_tcase(suite, decode);
	TCase *hostile = tcase_create("hostile");
	tcase_add_test(hostile, depth_ends_at_128);
	tcase_add_test(hostile, attributes_end_at_256);
	tcase_add_test(hostile, names_end_at_256_bytes);
	LOOP(hostile, large_text_costs_in_proportion, large);
	tcase_add_test(hostile, many_namespaces_in_force_stay_cheap);
	tcase_add_test(hostile, the_size_has_a_limit);
	tcase_add_test(hostile, damage_never_crashes);
	tcase_add_test(hostile, damage_in_windows_1252_never_crashes);
	suite_add_tcase(suite, hostile);
	return suite;
}

int
main(void)
{
	return ph_check_main(xml_suite());
}
