/*
 * packhorse map coverage: which links and which rows of code tables the samples never touch.
 */
#include "cli/map_tools.h"
#include "cli/offline.h"
#include "transform/codes.h"
#include "transform/workbench/coverage.h"

const ph_cli_option ph_map_coverage_options[] = {
    {"floor", "PERCENT", "exit 1 if less is covered in a connector"},
    {"floor-links", "PERCENT", "the same for links alone"},
    {"schemas", "DIR", "where canonical schemas are looked for first"},
    {NULL, NULL, NULL},
};

typedef struct tally {
	size_t all, hit;
} tally;

typedef struct covering {
	ph_cli *cli;
	ph_samples samples;
	ph_coverage *coverage;	      /* of the map at hand */
	tally links, rows;	      /* of the connector at hand */
	long long floor, floor_links; /* percent */
	ph_status status;
	ph_error err;
} covering;

static void
begin(void *self, const ph_map *map)
{
	covering *c = self;
	ph_status status = ph_coverage_new(map, &c->coverage, &c->err);
	c->samples.trace = status == PH_OK ? ph_coverage_trace(c->coverage) : NULL;
	if (status != PH_OK)
		c->status = status;
}

static void
tell_result(void *self, const ph_map *map, const char *sample, const char *direction,
    const char *why)
{
	covering *c = self;
	if (why != NULL && !c->cli->json)
		ph_cli_print(c->cli, "NOT OK  %s %s %s: %s\n", ph_map_name(map), sample,
		    direction, why);
}

/* Something that no sample touches. */
static void
tell_bare(covering *c, const ph_map *map, const ph_covered *item)
{
	char where[PH_ERROR_WHERE], key[256];
	const char *direction = item->inward ? "in" : "out";
	if (item->table == NULL) {
		ph_link_where(map, item->link, where);
		if (c->cli->json)
			ph_cli_json(c->cli,
			    json_pack("{s:s, s:s, s:s, s:s, s:s}", "kind", "link",
				"map", ph_map_name(map), "direction", direction,
				"where", where, "link", item->link->node->text));
		ph_cli_print(c->cli, "%s: %s: no sample uses this link: %s\n", where,
		    direction, item->link->node->text);
		return;
	}
	ph_codes_key(item->table, item->row, item->inward, key, sizeof key);
	if (c->cli->json)
		ph_cli_json(c->cli,
		    json_pack("{s:s, s:s, s:s, s:s, s:i, s:s}", "kind", "code", "map",
			ph_map_name(map), "direction", direction, "table",
			ph_codes_file(item->table), "line",
			(int) ph_codes_line(item->table, item->row), "key", key));
	ph_cli_print(c->cli, "codes/%s:%u: %s: no sample has the code: %s (%s)\n",
	    ph_codes_file(item->table), ph_codes_line(item->table, item->row),
	    direction, key, ph_map_name(map));
}

static void
end(void *self, const ph_map *map)
{
	covering *c = self;
	for (size_t i = 0; c->coverage != NULL && i < ph_coverage_count(c->coverage);
	     i++) {
		ph_covered item = ph_coverage_at(c->coverage, i);
		tally *t = item.table == NULL ? &c->links : &c->rows;
		t->all++;
		t->hit += item.hit;
		if (!item.hit)
			tell_bare(c, map, &item);
	}
	ph_coverage_destroy(&c->coverage);
}

/* Rounded down: 99.9 is not everything. */
static size_t
percent(size_t hit, size_t all)
{
	return all == 0 ? 100 : hit * 100 / all;
}

static int
hold(covering *c, const char *folder, size_t covered, long long floor, const char *what)
{
	ph_error err;
	if ((long long) covered >= floor)
		return PH_EXIT_OK;
	ph_fail_at(&err, PH_ERR_INVALID, folder,
	    "PH7306 the samples cover %zu%% %s, less than the floor of %lld%%", covered,
	    what, floor);
	return ph_cli_fail(c->cli, &err);
}

static int
cover(covering *c, const char *folder)
{
	c->links = c->rows = (tally){0};
	int exit = ph_samples_run(&c->samples, folder);
	if (c->status != PH_OK)
		return ph_cli_fail(c->cli, &c->err);
	size_t all = c->links.all + c->rows.all, hit = c->links.hit + c->rows.hit;
	size_t whole = percent(hit, all);
	if (exit != PH_EXIT_OK && all == 0)
		return exit;
	if (c->cli->json)
		ph_cli_json(c->cli,
		    json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I}", "kind", "total",
			"connector", folder, "links", (json_int_t) c->links.all,
			"links_used", (json_int_t) c->links.hit, "codes",
			(json_int_t) c->rows.all, "codes_used",
			(json_int_t) c->rows.hit, "percent", (json_int_t) whole));
	ph_cli_print(c->cli, "%s: %zu%% (links %zu of %zu, codes %zu of %zu)\n", folder,
	    whole, c->links.hit, c->links.all, c->rows.hit, c->rows.all);
	if (exit != PH_EXIT_OK)
		return exit;
	exit = hold(c, folder, whole, c->floor, "of links and codes");
	return exit != PH_EXIT_OK ? exit
				  : hold(c, folder, percent(c->links.hit, c->links.all),
					c->floor_links, "of links");
}

int
ph_map_coverage(ph_cli *cli, const ph_args *args)
{
	int worst = PH_EXIT_OK;
	covering c = {.cli = cli,
	    .status = PH_OK,
	    .samples = {.cli = cli,
		.schemas = ph_args_get(args, "schemas"),
		.begin = begin,
		.result = tell_result,
		.end = end}};
	c.samples.self = &c;
	if (!ph_args_number(cli, args, "floor", 0, 100, &c.floor) ||
	    !ph_args_number(cli, args, "floor-links", 0, 100, &c.floor_links))
		return PH_EXIT_USAGE;
	for (size_t i = 0; i < args->count; i++) {
		int exit = cover(&c, args->operands[i]);
		worst = exit > worst ? exit : worst;
	}
	return worst;
}
