/* What is wrong in a map file is said with its line and column, all of it in one go. */
#include <stdio.h>
#include <string.h>

#include "tests/unit/check_main.h"
#include "tests/unit/map_fixture.h"

static map_fixture fixture;

static void
setup(void)
{
	map_fixture_init(&fixture);
	map_fixture_file(
	    &fixture, "codes/s.csv", "x,canonical,in,out\n1,open,*,*\n2,shut,*,*\n");
	map_fixture_file(&fixture, "codes/in.csv", "x,canonical,in\n1,open,*\n");
}

static void
teardown(void)
{
	map_fixture_fini(&fixture);
}

static void
expect(const ph_map *map, const char *what, const char *place, const char *code)
{
	ck_assert_msg(map == NULL, "%s was taken", what);
	ck_assert_msg(strncmp(fixture.err.text, code, 6) == 0, "%s: %s: %s", what,
	    fixture.err.where, fixture.err.text);
	const char *found = strstr(fixture.err.where, place);
	ck_assert_msg(found != NULL && strlen(found) == strlen(place), "%s: %s: %s",
	    what, fixture.err.where, fixture.err.text);
}

START_TEST(links)
{
	/* The first link stands in line 6 and begins in column 5. */
	static const struct {
		const char *link;
		unsigned column;
		const char *code;
	} rows[] = {
	    {"a x", 7, "PH2002"},
	    {"-> x", 5, "PH2024"},
	    {"a <->", 10, "PH2024"},
	    {"a <-> x |", 14, "PH2005"},
	    {"a <-> x | fit(5", 20, "PH2006"},
	    {"a <-> x | fot(5)", 15, "PH2201"},
	    {"a <-> x | fit(0)", 19, "PH2204"},
	    {"a <-> x | fit(5, ellips)", 22, "PH2008"},
	    {"a <-> x | fit(5, unit=words)", 27, "PH2205"},
	    {"a <-> x fit(5)", 13, "PH2009"},
	    {"a <-> x | prefix(\"W\\q\")", 24, "PH2004"},
	    {"a <-> x | prefix(\"W)", 22, "PH2003"},
	    {"aa <-> x", 5, "PH2060"},
	    {"sub <-> x", 5, "PH2061"},
	    {"tags[].name[] <-> x", 16, "PH2013"},
	    {"a <-> x[k]", 15, "PH2018"},
	    {"a <-> 'x", 11, "PH2011"},
	    {"a <-> x//y", 13, "PH2010"},
	    {"a <-> ../x", 11, "PH2051"},
	    {"$event.id <- x", 0, ""},
	    {"$event.name <- x", 5, "PH2027"},
	    {"a <- $nothing", 10, "PH2030"},
	    {"a -> $setting.x", 10, "PH2028"},
	    {"a -> const(\"x\")", 10, "PH2028"},
	    {"const(\"x\") <-> x", 5, "PH2029"},
	    {"const(x) -> x", 5, "PH2021"},
	    {"a -> $header/x", 10, "PH2023"},
	    {"(a, b) <-> x", 5, "PH2228"},
	    {"a <-> x | join(\"_\")", 15, "PH2219"},
	    {"a <-> x | match(\"x\")", 15, "PH2202"},
	    {"a <-> x | default(\"x\")", 15, "PH2202"},
	    {"a -> x | known(thing) | mint(thing)", 29, "PH2202"},
	    {"a <- x | known(thing) | mint(thing)", 29, "PH2227"},
	    {"a <- x | mint(other)", 14, "PH2224"},
	    {"a <- x | xref", 14, "PH2223"},
	    {"a <- x | match(\"(\")", 20, "PH2035"},
	    {"a <-> x | time(rfc3339)", 15, "PH2207"},
	    {"a <-> x | time(rfc3339, Europe/Atlantis)", 29, "PH2209"},
	    {"a <-> x | time(\"%Q\", UTC)", 20, "PH2207"},
	    {"a <-> x | time(rfc3339, UTC, gap=jump)", 38, "PH2208"},
	    {"a <-> x | codes(none.csv)", 21, "PH2214"},
	    {"a -> x | codes(in.csv)", 20, "PH2215"},
	    {"a <-> x | codes(s.csv, unknown=guess)", 36, "PH2203"},
	    {"a <-> x | codes(s.csv, unknown=default)", 36, "PH2203"},
	    {"s -> x | codes(s.csv)", 14, "PH2066"},
	    {"a <-> x | keys(s.csv)", 15, "PH2218"},
	    {"a <-> x | osgb36", 15, "PH2210"},
	    {"(a, b) -> x | template(\"{3}\")", 28, "PH2220"},
	    {"(a, b) <-> x | template(\"{1}{1}\")", 20, "PH2220"},
	    {"a <- x | when(x == \"1\")", 21, "PH2033"},
	    {"a <- x | when(x = )", 23, "PH2031"},
	    {"a <-> x | when(x)", 15, "PH2225"},
	    {"a <- x | when($nope)", 19, "PH2030"},
	    {"a <- x | when(x matches \"(\")", 29, "PH2035"},
	    {"a <- $secret.x", 10, "PH2065"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char lines[256], place[64];
		snprintf(lines, sizeof lines, "  - %s\n%s", rows[i].link,
		    rows[i].code[0] == '\0' ? "  - a <- y" : "");
		ph_map *map = map_fixture_links(&fixture, lines);
		if (rows[i].code[0] == '\0') {
			ck_assert_msg(
			    map != NULL, "%s: %s", rows[i].link, fixture.err.text);
			ph_map_destroy(&map);
			continue;
		}
		snprintf(place, sizeof place, "m.yaml:6:%u", rows[i].column);
		expect(map, rows[i].link, place, rows[i].code);
	}
}
END_TEST

START_TEST(two_links_for_one_field)
{
	ph_map *map = map_fixture_links(&fixture, "  - a <- x\n  - b <- y\n  - a <- z");
	expect(map, "twice", "m.yaml:8:5", "PH2064");
	ck_assert_ptr_nonnull(strstr(fixture.err.text, "line 6"));
}
END_TEST

START_TEST(required_but_not_written)
{
	ph_map *map = map_fixture_links(&fixture, "  - b <- x");
	expect(map, "a", "m.yaml:5:1", "PH2062");
}
END_TEST

#define M(text) "map: m\n" text
START_TEST(files)
{
	static const struct {
		const char *text, *place, *code;
	} rows[] = {
	    {M("links: [a]\n"), "m.yaml:1:1", "PH2041"},
	    {M("canonical: thing\nvendor: {format: json}\nlinks:\n  - a <- x\n"),
		"m.yaml:2:12", "PH2041"},
	    {M("canonical: thing@2\nvendor: {format: json}\nlinks:\n  - a <- x\n"),
		"m.yaml:2:12", "PH2042"},
	    {M("canonical: thing@1\nvendor: {format: yaml}\nlinks:\n  - a <- x\n"),
		"m.yaml:3:18", "PH2043"},
	    {M("canonical: thing@1\nvendor: {format: csv}\nlinks:\n  - a <- x\n"),
		"m.yaml:3:1", "PH2056"},
	    {M("canonical: thing@1\nvendor: {format: json, record: r.yaml}\nlinks:\n  "
	       "- "
	       "a <- x\n"),
		"m.yaml:3:32", "PH2056"},
	    {M("canonical: thing@1\nvendor: {format: csv, record: none.yaml}\nlinks:\n "
	       " - "
	       "a <- x\n"),
		"m.yaml:3:31", "PH2057"},
	    {M("canonical: thing@1\nvendor: {format: xml}\nlinks:\n  - a <- x\n"),
		"m.yaml:3:1", "PH2046"},
	    {M("canonical: thing@1\nvendor: {format: xml, root: v:R}\nlinks:\n  - a <- "
	       "x\n"),
		"m.yaml:3:29", "PH2012"},
	    {M("canonical: thing@1\nvendor: {format: json}\nlinks:\n  - a <- x\nextra: "
	       "1\n"),
		"m.yaml:6:1", "PH1"},
	    {M("canonical: thing@1\nvendor: {format: json}\nlinks:\n  - a: x\n"),
		"m.yaml:5:5", "PH2001"},
	    {M("canonical: thing@1\nvendor: {format: json}\nlinks:\n  - \"a <- x\"\n"),
		"m.yaml:5:5", "PH2001"},
	    {M("canonical: thing@1\nvendor: {format: json}\n"), "m.yaml:1:1", "PH2049"},
	    {M("canonical: thing@1\nvendor: {format: json, empty: gone}\nlinks:\n  - a "
	       "<- x\n"),
		"m.yaml:3:31", "PH2047"},
	    {M("canonical: thing@1\nvendor: {format: json}\nlinks:\n  - a <- x\n"
	       "drop: {canonical: [q]}\n"),
		"m.yaml:6:20", "PH2060"},
	    {M("canonical: thing@1\nvendor: {format: json}\nlinks:\n  - a <- x\n"),
		"m.yaml:4:1", "PH2063"},
	    {M("canonical: thing@1\nvendor: {format: json}\nlinks:\n  - a <- x\n"
	       "require: [x | never]\n"),
		"m.yaml:6:15", "PH2037"},
	    {"map: [\n", "m.yaml:2:1", "PH1"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		ph_map *map = map_fixture_map(&fixture, rows[i].text);
		ck_assert_msg(map == NULL, "%s was taken", rows[i].text);
		ck_assert_msg(
		    strncmp(fixture.err.text, rows[i].code, strlen(rows[i].code)) == 0,
		    "%s: %s: %s", rows[i].text, fixture.err.where, fixture.err.text);
		const char *found = strstr(fixture.err.where, "m.yaml");
		ck_assert_msg(found != NULL && strcmp(found, rows[i].place) == 0,
		    "%s: %s: %s", rows[i].text, fixture.err.where, fixture.err.text);
	}
}
END_TEST

typedef struct told {
	unsigned errors, links, lossy, iso;
} told;

static void
tell(void *self, const char *kind, const char *where, const char *text)
{
	told *t = self;
	(void) where;
	t->errors += strcmp(kind, "error") == 0;
	t->links += strcmp(kind, "link") == 0;
	t->lossy += strncmp(text, "lossy", 5) == 0;
	t->iso += strncmp(text, "iso", 3) == 0;
}

START_TEST(all_in_one_go)
{
	told t = {0};
	ph_map *map = map_fixture_links(&fixture,
	    "  - a <-> x | fot(1)\n  - b <-> y\n  - cc <-> z\n  - a - q\n  - d <- 'x");
	ck_assert_ptr_null(map);
	ck_assert_int_ne(ph_map_check("m", fixture.folders, tell, &t, NULL), PH_OK);
	ck_assert_uint_eq(t.errors, 3);
	map = map_fixture_links(
	    &fixture, "  - a <-> x | fit(7)\n  - b <-> y\n  - c -> z");
	ck_assert_ptr_nonnull(map);
	ph_map_destroy(&map);
	t = (told){0};
	ck_assert_int_eq(ph_map_check("m", fixture.folders, tell, &t, NULL), PH_OK);
	ck_assert_uint_eq(t.errors, 0);
	ck_assert_uint_eq(t.links, 3);
	ck_assert_uint_eq(t.lossy, 1);
	ck_assert_uint_eq(t.iso, 1);
}
END_TEST

START_TEST(missing_files)
{
	ph_map *map;
	ph_error err;
	ck_assert_int_eq(
	    ph_map_load("nope", fixture.folders, &map, &err), PH_ERR_NOT_FOUND);
	ck_assert_msg(strncmp(err.text, "PH2053", 6) == 0, "%s", err.text);
	ck_assert_int_ne(
	    ph_map_load("/nowhere/nope.yaml", fixture.folders, &map, &err), PH_OK);
	ck_assert_int_ne(ph_map_load("..", fixture.folders, &map, &err), PH_OK);
}
END_TEST

static Suite *
errors_suite(void)
{
	Suite *suite = suite_create("map errors");
	TCase *tests = tcase_create("errors");
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, links);
	tcase_add_test(tests, two_links_for_one_field);
	tcase_add_test(tests, required_but_not_written);
	tcase_add_test(tests, files);
	tcase_add_test(tests, all_in_one_go);
	tcase_add_test(tests, missing_files);
	suite_add_tcase(suite, tests);
	return suite;
}

int
main(void)
{
	return ph_check_main(errors_suite());
}
