/*
 * Memory of a call: a document like those before it asks the allocator for nothing, whatever the
 * format. The first makes what is kept for the next, and the second has it made as large as the first
 * needed.
 *
 * The linker puts the functions below before the allocator's (see transform.inc); while `counting` is
 * set they count what this program's own objects ask for. libxml2 and the other libraries are not in
 * it.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/check_main.h"
#include "tests/unit/map_fixture.h"

#define HEAD                                                                           \
	"map: m\ncanonical: thing@1\n"                                                 \
	"drop: {canonical: [ref, n, t, at, s, tags, attributes, sub]}\n"
#define LINKS "links:\n  - a <-> x\n  - c <-> y\n  - b <-> z\n"

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

static bool counting;
static unsigned allocations;

void *
__wrap_malloc(size_t size)
{
	allocations += counting ? 1 : 0;
	return __real_malloc(size);
}

void *
__wrap_calloc(size_t count, size_t size)
{
	allocations += counting ? 1 : 0;
	return __real_calloc(count, size);
}

void *
__wrap_realloc(void *old, size_t size)
{
	allocations += counting ? 1 : 0;
	return __real_realloc(old, size);
}

static map_fixture fixture;

static void
setup(void)
{
	map_fixture_init(&fixture);
}

static void
teardown(void)
{
	map_fixture_fini(&fixture);
}

static const char xsd[] =
    "<xs:schema xmlns:xs='http://www.w3.org/2001/XMLSchema'><xs:element name='v'>"
    "<xs:complexType><xs:sequence><xs:element name='x' type='xs:string'/>"
    "<xs:element name='y' type='xs:string'/><xs:element name='z' type='xs:string'/>"
    "</xs:sequence></xs:complexType></xs:element></xs:schema>";

/* "@" in a document stands for a long text. */
static const struct {
	const char *what, *map, *records; /* NULL: the format has no description */
	const char *in;
} formats[] = {
    {"json", "vendor: {format: json}\n" LINKS, NULL,
	"{\"x\":\"caf\xC3\xA9\",\"y\":\"a\\nb\",\"z\":\"@\"}"},
    {"json that is repaired", "vendor: {format: json, repair: double-utf8}\n" LINKS,
	NULL, "{\"x\":\"caf\xC3\x83\xC2\xA9 @\",\"y\":\"\xC3\x83\xC2\xA9\"}"},
    {"xml", "vendor: {format: xml, root: v}\n" LINKS, NULL,
	"<v><x>caf\xC3\xA9</x><y>&lt;</y><z>@</z></v>"},
    {"xml in another charset",
	"vendor: {format: xml, root: v, charset: windows-1252}\n" LINKS, NULL,
	"<v><x>\xE2\x82\xAC \xE2\x88\x9A</x><y>1</y><z>@</z></v>"},
    {"xml held to its schema", "vendor: {format: xml, root: v, schema: v.xsd}\n" LINKS,
	NULL, "<v><x>1</x><y>2</y><z>@</z></v>"},
    {"soap", "vendor: {format: soap, root: v}\n" LINKS, NULL,
	"<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><s:Body>"
	"<v><x>1</x><y>2</y><z>@</z></v></s:Body></s:Envelope>"},
    {"form", "vendor: {format: form}\n" LINKS, NULL, "x=caf%C3%A9+1&y=2&z=@"},
    {"csv", "vendor: {format: csv, record: r.yaml, each: row}\n" LINKS,
	"format: csv\ncharset: windows-1252\nfields: [x, y, z]\n",
	"x,y,z\r\n1,caf\xE9,three\r\n\"one, two\",\"\"\"y\"\"\",3\r\n"},
    {"record-csv", "vendor: {format: record-csv, record: r.yaml, each: row}\n" LINKS,
	"format: record-csv\nrecords:\n  \"10\": {name: row, fields: [x, y, z]}\n"
	"  \"99\": {name: end, fields: [n]}\nlast: end\n"
	"count: {field: n, except: [end]}\n",
	"10,1,2,3\r\n10,\"4,4\",5,6\r\n99,2\r\n"},
    {"fixed", "vendor: {format: fixed, record: r.yaml, each: row}\n" LINKS,
	"format: fixed\ncharset: iso-8859-1\nfields:\n  x: 1-4\n  y: 5-8\n"
	"  z: {at: 9-17, align: right}\n",
	"1   caf\xE9three    \n4   5   6        \n"},
    {"hl7",
	"vendor: {format: hl7, record: r.yaml}\n"
	"links:\n  - const(\"ADT\") -> MSH/9\n  - c <-> PID/3\n"
	"  - a <-> PID/name/family\n  - b <-> NTE/3\n",
	"format: hl7\nsegments:\n  PID:\n"
	"    5: {name: name, components: [family]}\n",
	"MSH|^~\\&|||||||ADT|1|P|2.5\rPID|||one||two \\T\\ 2\rNTE|||@\r"},
    {"multipart", "vendor: {format: multipart}\n" LINKS, NULL,
	"--b\r\nContent-Disposition: form-data; name=x\r\n\r\none\r\n"
	"--b\r\nContent-Disposition: form-data; name=y\r\n"
	"Content-Type: text/plain; charset=windows-1252\r\n\r\ncaf\xE9\r\n"
	"--b\r\nContent-Disposition: form-data; name=z\r\n\r\n@\r\n"
	"--b\r\nContent-Disposition: form-data; name=w\r\n"
	"Content-Type: application/xml\r\n\r\n<r><k>1</k></r>\r\n--b--\r\n"},
    {"conversions",
	"vendor: {format: json}\nlinks:\n"
	"  - (a, c) <-> x | template(\"{1} at {2}\")\n"
	"  - b <-> z | fit(100, ellipsis)\n",
	NULL, "{\"x\":\"one at two\",\"z\":\"@\"}"},
};

/* The document with a text that no first block of a buffer holds in the place of its '@'. */
static size_t
fill(const char *document, char *out)
{
	enum { LONG = 2000 };
	const char *mark = strchr(document, '@');
	size_t before = mark == NULL ? strlen(document) : (size_t) (mark - document);
	memcpy(out, document, before);
	if (mark == NULL)
		return before;
	memset(out + before, 'w', LONG);
	strcpy(out + before + LONG, mark + 1);
	return strlen(out);
}

/* Counts only around what is looked at: the assertions ask for memory too. */
static ph_map_call *
run(const ph_map *map, ph_map_direction direction, const void *bytes, size_t length,
    unsigned *count)
{
	ph_map_call *call = NULL;
	ph_error err = {0};
	allocations = 0;
	counting = true;
	ph_status status =
	    ph_map_call_new(map, direction, 0, bytes, length, &call, &err);
	if (status == PH_OK)
		status = ph_map_call_run(call, &err);
	counting = false;
	*count = allocations;
	ck_assert_msg(status == PH_OK, "%s", err.text);
	ck_assert_uint_gt(ph_map_call_count(call), 0);
	for (size_t i = 0; i < ph_map_call_count(call); i++)
		ck_assert_msg(ph_map_call_result(call, i) == PH_MAP_DONE, "%s",
		    ph_map_call_error(call, i)->text);
	return call;
}

/* In, and what came of it out again; returns how often the allocator was asked, each way. */
static void
there_and_back(const ph_map *map, const char *bytes, size_t length, unsigned count[2])
{
	ph_map_call *in = run(map, PH_MAP_IN, bytes, length, &count[0]);
	const void *canonical = ph_map_call_data(in, 0, &length);
	ph_map_call *out = run(map, PH_MAP_OUT, canonical, length, &count[1]);
	ph_map_call_destroy(&out);
	ph_map_call_destroy(&in);
}

START_TEST(a_later_document_asks_for_no_memory)
{
	char text[1024], bytes[4096];
	unsigned count[2];
	if (formats[_i].records != NULL)
		map_fixture_file(&fixture, "r.yaml", formats[_i].records);
	map_fixture_file(&fixture, "schemas/v.xsd", xsd);
	(void) snprintf(text, sizeof text, HEAD "%s", formats[_i].map);
	ph_map *map = map_fixture_map(&fixture, text);
	ck_assert_msg(map != NULL, "%s: %s", fixture.err.where, fixture.err.text);
	size_t length = fill(formats[_i].in, bytes);
	there_and_back(map, bytes, length, count);
	ck_assert_uint_gt(count[0], 0);
	ck_assert_uint_gt(count[1], 0);
	there_and_back(map, bytes, length, count);
	for (int again = 0; again < 3; again++) {
		there_and_back(map, bytes, length, count);
		ck_assert_msg(count[0] + count[1] == 0, "%s: %u in, %u out",
		    formats[_i].what, count[0], count[1]);
	}
	ph_map_destroy(&map);
}
END_TEST

static Suite *
memory_suite(void)
{
	Suite *suite = suite_create("map memory");
	TCase *calls = tcase_create("calls");
	tcase_add_checked_fixture(calls, setup, teardown);
	tcase_add_loop_test(calls, a_later_document_asks_for_no_memory, 0,
	    (int) (sizeof formats / sizeof formats[0]));
	suite_add_tcase(suite, calls);
	return suite;
}

int
main(void)
{
	return ph_check_main(memory_suite());
}
