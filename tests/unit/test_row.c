/* Answer rows: what is written is JSON, whatever the values are. */
#include <string.h>

#include "broker/row.h"
#include "tests/unit/check_main.h"

START_TEST(all_kinds)
{
	ph_buffer row;
	ph_buffer_init(&row, 0);
	ph_row_begin(&row);
	ph_row_text(&row, "a", "x");
	ph_row_number(&row, "b", -3);
	ph_row_count(&row, "c", UINT64_MAX);
	ph_row_bool(&row, "d", true);
	ph_row_null(&row, "e");
	ph_row_list(&row, "f");
	ph_row_item(&row, "1");
	ph_row_item(&row, "2");
	ph_row_list_end(&row);
	ph_row_object(&row, "g");
	ph_row_object_end(&row);
	ph_row_list(&row, "h");
	ph_row_object(&row, NULL);
	ph_row_bool(&row, "i", false);
	ph_row_object_end(&row);
	ph_row_object(&row, NULL);
	ph_row_object_end(&row);
	ph_row_list_end(&row);
	ph_row_base64(&row, "j", "\0\377\1", 3);
	ph_row_end(&row);
	ck_assert_str_eq(ph_buffer_cstr(&row),
	    "{\"a\":\"x\",\"b\":-3,\"c\":18446744073709551615,\"d\":true,\"e\":null,"
	    "\"f\":[\"1\",\"2\"],\"g\":{},\"h\":[{\"i\":false},{}],\"j\":\"AP8B\"}");
	ph_buffer_fini(&row);
}
END_TEST

START_TEST(text_is_escaped)
{
	static const struct {
		const char *text, *json;
	} cases[] = {
	    {"", "{\"t\":\"\"}"},
	    {"a\"b\\c", "{\"t\":\"a\\\"b\\\\c\"}"},
	    {"line\nend\x1b", "{\"t\":\"line\\u000aend\\u001b\"}"},
	    {"\xc3\xa9 \xf0\x9f\x90\xb4", "{\"t\":\"\xc3\xa9 \xf0\x9f\x90\xb4\"}"},
	    {"bad \xff\xc3 utf-8", "{\"t\":\"bad \\ufffd\\ufffd utf-8\"}"},
	    {"ends in :", "{\"t\":\"ends in :\"}"},
	};
	ph_buffer row;
	ph_buffer_init(&row, 0);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		ph_row_begin(&row);
		ph_row_text(&row, "t", cases[i].text);
		ph_row_end(&row);
		ck_assert_str_eq(ph_buffer_cstr(&row), cases[i].json);
	}
	ph_buffer_fini(&row);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("row");
	TCase *tests = tcase_create("row");
	tcase_add_test(tests, all_kinds);
	tcase_add_test(tests, text_is_escaped);
	suite_add_tcase(suite, tests);
	return ph_check_main(suite);
}
