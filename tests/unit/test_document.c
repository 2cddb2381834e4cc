/*
 * The tree by itself: names, members, paths, places, limits.
 */
#include "lib/document/document.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lib/document/names.h"
#include "lib/document/place.h"
#include "tests/unit/documents.h"

static ph_node *
object(ph_document *document)
{
	return ph_node_new(document, PH_NODE_OBJECT, NULL, 0);
}

static ph_node *
list(ph_document *document)
{
	return ph_node_new(document, PH_NODE_LIST, NULL, 0);
}

/* {a: {b: '1', b: '2', b: '3'}, l: ['x', {y: 'z'}], x[1]: 'odd'} */
static ph_document *
sample(void)
{
	ph_document *d = new_document();
	ph_node *root = object(d);
	ph_node *a = ph_node_add(d, root, "a", object(d));
	ph_node_add_text(d, a, "b", "1", 1);
	ph_node_add_text(d, a, "b", "2", 1);
	ph_node_add_text(d, a, "b", "3", 1);
	ph_node *l = ph_node_add(d, root, "l", list(d));
	ph_node_add(d, l, NULL, ph_node_new(d, PH_NODE_STRING, "x", 1));
	ph_node_add_text(d, ph_node_add(d, l, NULL, object(d)), "y", "z", 1);
	ph_node_add_text(d, root, "x[1]", "odd", 3);
	ph_document_set_root(d, root);
	return d;
}

START_TEST(names_are_shared)
{
	ph_document *d = new_document();
	const char *first = ph_document_intern(d, "name and more", 4);
	ck_assert_str_eq(first, "name");
	ck_assert_ptr_eq(ph_document_intern(d, "name", 4), first);
	ck_assert_ptr_ne(ph_document_intern(d, "nam", 3), first);
	ck_assert_str_eq(ph_document_intern(d, "", 0), "");
	ck_assert_ptr_eq(ph_document_intern(d, "", 0), ph_document_intern(d, "x", 0));
	ph_document_destroy(&d);
	ck_assert_ptr_null(d);
}
END_TEST

/* Whatever came after a name last time, and whatever comes now. */
START_TEST(the_next_name_may_be_another)
{
	static const char *const orders[] = {
	    "abcd", "abcd", "acbd", "dcba", "xayb", "aabb", "abcd"};
	ph_document *d = new_document();
	ph_names *names = NULL;
	ck_assert_int_eq(ph_names_new(&names, NULL), PH_OK);
	for (const char *c = "abcd"; *c != 0; c++)
		ck_assert_uint_ne(ph_names_add(names, (char[3]){*c, *c}, 2), 0);
	ck_assert_uint_ne(ph_names_add(names, "aab", 3), 0);
	ck_assert_int_eq(ph_document_use(d, names, NULL), PH_OK);
	for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
		const char *before = NULL;
		for (const char *c = orders[i]; *c != 0; c++) {
			char name[4] = {*c, *c, 'b', '\0'};
			for (size_t length = 1; length <= 3; length++) {
				const char *next =
				    ph_document_intern_after(d, before, name, length);
				ck_assert_ptr_eq(
				    next, ph_document_intern(d, name, length));
				ck_assert_uint_eq(strlen(next), length);
				ck_assert_int_eq(memcmp(next, name, length), 0);
				before = next;
			}
		}
	}
	const char *two = ph_document_intern(d, "aa", 2);
	ck_assert_str_eq(ph_document_intern_after(d, two, "aab", 3), "aab");
	ck_assert_ptr_eq(ph_document_intern_after(d, two, "aab", 2), two);
	ck_assert_str_eq(ph_document_intern_after(d, two, "aab", 3), "aab");
	ph_document_destroy(&d);
	ph_names_destroy(&names);
}
END_TEST

START_TEST(many_names_stay_shared)
{
	ph_document *d = new_document();
	const char **names = calloc(20000, sizeof *names);
	ck_assert_ptr_nonnull(names);
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 20000; i++) {
			char name[64];
			int length =
			    snprintf(name, sizeof name, "a name of some length %d", i);
			const char *got = ph_document_intern(d, name, (size_t) length);
			ck_assert_str_eq(got, name);
			if (round == 0)
				names[i] = got;
			ck_assert_ptr_eq(got, names[i]);
		}
	}
	free(names);
	ph_document_destroy(&d);
}
END_TEST

/* The number that undoes a multiplication by an odd one: each round doubles the bits it
 * is good for. */
static uint64_t
inverse(uint64_t odd)
{
	uint64_t result = odd;
	for (int i = 0; i < 6; i++)
		result *= 2 - odd * result;
	return result;
}

/* The eight bytes that the quick hash of document.c turns into `hash`. */
static uint64_t
word_for(uint64_t hash)
{
	uint64_t product = hash ^ hash >> 32;
	return (product * inverse(UINT64_C(0x9E3779B97F4A7C15))) ^ UINT64_C(8);
}

/* Names that somebody chose to fall into one bucket, however many buckets there are. */
START_TEST(chosen_collisions_cost_little)
{
	ph_document *d = new_document();
	clock_t start = clock();
	for (uint64_t i = 0; i < 60000; i++) {
		char name[8];
		uint64_t word = word_for(i << 24 | 7);
		memcpy(name, &word, sizeof name);
		const char *first = ph_document_intern(d, name, sizeof name);
		ck_assert_ptr_eq(ph_document_intern(d, name, sizeof name), first);
		ck_assert_mem_eq(first, name, sizeof name);
	}
	ck_assert_double_lt((double) (clock() - start) / CLOCKS_PER_SEC, 2);
	ph_document_destroy(&d);
}
END_TEST

START_TEST(members_keep_their_order)
{
	ph_document *d = sample();
	char *text = describe(d, 0);
	ck_assert_str_eq(
	    text, "{a: {b: '1', b: '2', b: '3'}, l: ['x', {y: 'z'}], x[1]: 'odd'}");
	free(text);
	const ph_node *a = ph_node_get(ph_document_root(d), "a");
	ck_assert_uint_eq(a->count, 3);
	const ph_node *b = ph_node_get(a, "b");
	ck_assert_str_eq(b->text, "1");
	b = ph_node_next_same(b);
	ck_assert_str_eq(b->text, "2");
	b = ph_node_next_same(b);
	ck_assert_str_eq(b->text, "3");
	ck_assert_ptr_null(ph_node_next_same(b));
	ck_assert_str_eq(ph_node_text(a, "b"), "1");
	ck_assert_ptr_null(ph_node_text(a, "c"));
	ck_assert_ptr_null(ph_node_text(ph_document_root(d), "a"));
	ck_assert_ptr_null(ph_node_get(NULL, "a"));
	ph_document_destroy(&d);
}
END_TEST

START_TEST(removing_mends_the_chain)
{
	static const char *const left[] = {
	    "{a: {b: '2', b: '3'}", "{a: {b: '1', b: '3'}", "{a: {b: '1', b: '2'}"};
	for (size_t i = 0; i < 3; i++) {
		ph_document *d = sample();
		ph_node *a = ph_node_get(ph_document_root(d), "a");
		ph_node *b = a->first;
		for (size_t j = 0; j < i; j++)
			b = b->next;
		ph_node_remove(b);
		ck_assert_ptr_null(b->parent);
		char *text = describe(d, 0);
		ck_assert_int_eq(strncmp(text, left[i], strlen(left[i])), 0);
		free(text);
		ck_assert_uint_eq(a->count, 2);
		ck_assert_str_eq(a->last->text, i == 2 ? "2" : "3");
		ph_node_link(a, NULL, b);
		ck_assert_ptr_eq(a->last, b);
		ph_node_remove(ph_document_root(d));
		ph_document_destroy(&d);
	}
}
END_TEST

static const struct {
	const char *path; /* NULL in `found`: nothing there */
	const char *found;
	const char *written;
} paths[] = {
    {"a/b", "1", "a/b[1]"},
    {"a/b[2]", "2", "a/b[2]"},
    {"/a/b[3]/", "3", "a/b[3]"},
    {"a/b[4]", NULL, NULL},
    {"a/b[0]", NULL, NULL},
    {"l/0", "x", "l[1]"},
    {"l[1]", "x", "l[1]"},
    {"l/[1]", "x", "l[1]"},
    {"l/1/y", "z", "l[2]/y"},
    {"l[2]/y", "z", "l[2]/y"},
    {"l/2", NULL, NULL},
    {"l/9999999999", NULL, NULL},
    {"x[1]", "odd", "x[1]"},
    {"a/c", NULL, NULL},
    {"a/b/c", NULL, NULL},
    {"nowhere", NULL, NULL},
};

START_TEST(paths_lead_there_and_back)
{
	ph_document *d = sample();
	ph_node *found = ph_node_find(ph_document_root(d), paths[_i].path);
	if (paths[_i].found == NULL) {
		ck_assert_ptr_null(found);
	} else {
		char path[64];
		ck_assert_ptr_nonnull(found);
		ck_assert_str_eq(found->text, paths[_i].found);
		ck_assert_str_eq(
		    ph_node_path(found, path, sizeof path), paths[_i].written);
		ck_assert_ptr_eq(ph_node_find(ph_document_root(d), path), found);
	}
	ph_document_destroy(&d);
}
END_TEST

START_TEST(a_long_path_keeps_its_end)
{
	ph_document *d = new_document();
	ph_node *at = object(d);
	ph_document_set_root(d, at);
	char path[24];
	ck_assert_str_eq(ph_node_path(at, path, sizeof path), "/");
	for (int i = 0; i < 1000; i++)
		at = ph_node_add(d, at, i == 999 ? "last\n\x1B" : "step", object(d));
	ck_assert_str_eq(
	    ph_node_path(at, path, sizeof path), "...tep/step/step/last??");
	ck_assert_uint_le(strlen(path), sizeof path - 1);
	ph_document_destroy(&d);
}
END_TEST

START_TEST(places_are_written_for_errors)
{
	ph_document *d = sample();
	char where[64];
	ph_node *root = ph_document_root(d);
	ck_assert_str_eq(ph_node_where(d, root, where, sizeof where), "t");
	ck_assert_str_eq(ph_node_where(d, NULL, where, sizeof where), "t");
	root->line = 12;
	root->column = 7;
	ck_assert_str_eq(ph_node_where(d, root, where, sizeof where), "t:12:7");
	ck_assert_str_eq(ph_document_name(d), "t");
	ph_document_destroy(&d);
}
END_TEST

START_TEST(a_name_has_its_own_place)
{
	ph_document *d = new_document();
	ph_node *node = ph_node_new_keyed(d, PH_NODE_STRING, "v", 1);
	uint32_t line = 0;
	uint32_t column = 0;
	node->line = 3;
	node->column = 9;
	ph_node_key_place(node, &line, &column);
	ck_assert_uint_eq(line, 3);
	ck_assert_uint_eq(column, 9);
	ph_node_place_key(node, 2, 4);
	ph_node_key_place(node, &line, &column);
	ck_assert_uint_eq(line, 2);
	ck_assert_uint_eq(column, 4);
	ph_node_key_place(ph_node_new(d, PH_NODE_NULL, NULL, 0), &line, &column);
	ck_assert_uint_eq(line, 0);
	ph_document_destroy(&d);
}
END_TEST

START_TEST(repeated_members_are_found)
{
	ph_document *d = sample();
	ph_node *root = ph_document_root(d);
	ck_assert_ptr_null(ph_node_repeated(d, root));
	ph_node *a = ph_node_get(root, "a");
	ck_assert_ptr_eq(ph_node_repeated(d, a), a->first->next);
	/* an attribute and an element may share a name */
	ph_node_remove(a->last);
	a->first->flags |= PH_NODE_ATTRIBUTE;
	ck_assert_ptr_null(ph_node_repeated(d, a));
	ck_assert_ptr_null(ph_node_next_same(a->first));
	ph_document_destroy(&d);
}
END_TEST

START_TEST(the_limit_holds)
{
	ph_document *d = NULL;
	ph_error err = {0};
	ck_assert_int_eq(ph_document_new("t", 4096, &d, &err), PH_OK);
	ph_node *root = object(d);
	int count = 0;
	while (ph_node_add_text(d, root, "name", "text", 4) != NULL)
		ck_assert_int_lt(++count, 1000);
	ck_assert_int_gt(count, 20);
	ck_assert(ph_arena_failed(ph_document_arena(d)));
	ck_assert_ptr_null(ph_document_intern(d, "another name that needs room", 28));
	ck_assert_ptr_null(ph_node_add(d, root, "x", NULL));
	ck_assert_ptr_null(ph_node_new_keyed(d, PH_NODE_STRING, "x", 1));
	ph_document_destroy(&d);
	ck_assert_int_eq(ph_document_new("a name", 4, &d, &err), PH_ERR_TOO_LARGE);
	ck_assert_ptr_null(d);
	ph_document_destroy(NULL);
	ph_document_destroy(&d);
}
END_TEST

START_TEST(places_go_forward_and_back)
{
	static const char text[] = "ab\n\ncd\r\ne";
	static const uint32_t lines[] = {1, 1, 1, 2, 3, 3, 3, 3, 4, 4};
	static const uint32_t columns[] = {1, 2, 3, 1, 1, 2, 3, 4, 1, 2};
	for (size_t from = 0; from <= 9; from++) {
		for (size_t to = 0; to <= 9; to++) {
			ph_place place;
			uint32_t line = 0;
			uint32_t column = 0;
			ph_place_init(&place, text, 9);
			ph_place_at(&place, from, &line, &column);
			ph_place_at(&place, to, &line, &column);
			ck_assert_uint_eq(line, lines[to]);
			ck_assert_uint_eq(column, columns[to]);
		}
	}
	ph_place place;
	uint32_t line = 0;
	uint32_t column = 0;
	ph_place_init(&place, text, 9);
	ph_place_at(&place, 1000, &line, &column);
	ck_assert_uint_eq(line, 4);
	ck_assert_uint_eq(column, 2);
}
END_TEST

static Suite *
document_suite(void)
{
	Suite *suite = suite_create("document");
	TCase *names = tcase_create("names");
	tcase_add_test(names, names_are_shared);
	tcase_add_test(names, the_next_name_may_be_another);
	tcase_add_test(names, many_names_stay_shared);
	tcase_add_test(names, chosen_collisions_cost_little);
	suite_add_tcase(suite, names);
	TCase *tree = tcase_create("tree");
	tcase_add_test(tree, members_keep_their_order);
	tcase_add_test(tree, removing_mends_the_chain);
	tcase_add_loop_test(
	    tree, paths_lead_there_and_back, 0, (int) (sizeof paths / sizeof paths[0]));
	tcase_add_test(tree, a_long_path_keeps_its_end);
	tcase_add_test(tree, places_are_written_for_errors);
	tcase_add_test(tree, a_name_has_its_own_place);
	tcase_add_test(tree, repeated_members_are_found);
	tcase_add_test(tree, the_limit_holds);
	tcase_add_test(tree, places_go_forward_and_back);
	suite_add_tcase(suite, tree);
	return suite;
}

int
main(void)
{
	return ph_check_main(document_suite());
}
