/*
 * readers - one JSON text through a reader of Debian's: simdjson's DOM and on demand, RapidJSON in
 * place, cJSON. Each visits every value, and the parsers that can be used again are.
 *
 *   readers NAME FILE SECONDS     prints {"us": per text, "bytes": of it}
 */
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <fstream>
#include <new>
#include <sstream>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <cjson/cJSON.h>
#include <rapidjson/document.h>
#include <simdjson.h>

#include "bench/map/slices.h"

struct work {
	std::string text;
	simdjson::padded_string padded;
	simdjson::dom::parser dom;
	simdjson::ondemand::parser ondemand;
	std::vector<char> copy;
	std::vector<char> room = std::vector<char>(size_t(256) << 20);
	std::deque<std::string> kept;
	std::unordered_map<std::string_view, bool> names;
	size_t seen = 0, used = 0;
};

static void
die(const char *why)
{
	std::fprintf(stderr, "readers: %s\n", why);
	std::exit(1);
}

static void
dom_turn(void *self)
{
	work *w = static_cast<work *>(self);
	simdjson::dom::element root;
	if (w->dom.parse(w->padded).get(root) != simdjson::SUCCESS)
		die("simdjson does not take it");
	w->seen += root.is_object();
}

/* A tree such as ours of what the DOM holds: a node and a zero-terminated text for each value, names
 * looked up, from memory that is taken once. What it would cost to feed our maps from simdjson. */
struct node {
	const char *name, *text;
	size_t length;
	node *parent, *first, *last, *next;
	uint64_t kind, place, count, space;
};

static char *
piece(work *w, size_t size)
{
	char *at = w->room.data() + w->used;
	w->used += (size + 15) & ~size_t(15);
	if (w->used > w->room.size())
		die("too large");
	return at;
}

static const char *
copy_text(work *w, std::string_view text)
{
	char *copy = piece(w, text.size() + 1);
	std::memcpy(copy, text.data(), text.size());
	copy[text.size()] = 0;
	return copy;
}

static node *
add_node(work *w, node *parent, const char *name)
{
	node *made = new (piece(w, sizeof(node))) node{};
	made->name = name;
	made->parent = parent;
	if (parent == nullptr)
		return made;
	(parent->last == nullptr ? parent->first : parent->last->next) = made;
	parent->last = made;
	parent->count++;
	return made;
}

static const char *
name_of(work *w, std::string_view name)
{
	auto found = w->names.find(name);
	if (found != w->names.end())
		return found->first.data();
	w->kept.push_back(std::string(name));
	return w->names.emplace(w->kept.back(), true).first->first.data();
}

static void
build(work *w, simdjson::dom::element value, node *parent, const char *name)
{
	node *made = add_node(w, parent, name);
	made->kind = static_cast<uint64_t>(value.type());
	switch (value.type()) {
	case simdjson::dom::element_type::OBJECT:
		for (auto field : simdjson::dom::object(value))
			build(w, field.value, made, name_of(w, field.key));
		return;
	case simdjson::dom::element_type::ARRAY:
		for (auto item : simdjson::dom::array(value))
			build(w, item, made, nullptr);
		return;
	case simdjson::dom::element_type::STRING:
		made->length = std::string_view(value).size();
		made->text = copy_text(w, value);
		return;
	default:
		return; /* how a number was written, the tape does not say */
	}
}

static void
tree_turn(void *self)
{
	work *w = static_cast<work *>(self);
	simdjson::dom::element root;
	if (w->dom.parse(w->padded).get(root) != simdjson::SUCCESS)
		die("simdjson does not take it");
	w->used = 0;
	build(w, root, nullptr, nullptr);
}

static void
walk(simdjson::ondemand::value value, work *w)
{
	std::string_view text;
	switch (value.type()) {
	case simdjson::ondemand::json_type::object:
		for (auto field : value.get_object()) {
			w->seen += std::string_view(field.unescaped_key()).size();
			walk(field.value(), w);
		}
		return;
	case simdjson::ondemand::json_type::array:
		for (auto item : value.get_array())
			walk(item.value(), w);
		return;
	case simdjson::ondemand::json_type::string:
		text = value.get_string();
		break;
	default:
		text = value.raw_json_token();
	}
	w->seen += text.size();
}

static void
ondemand_turn(void *self)
{
	work *w = static_cast<work *>(self);
	auto document = w->ondemand.iterate(w->padded);
	simdjson::ondemand::value value;
	if (document.get_value().get(value) != simdjson::SUCCESS)
		die("simdjson does not take it");
	walk(value, w);
}

static void
rapidjson_turn(void *self)
{
	work *w = static_cast<work *>(self);
	w->copy.assign(w->text.c_str(), w->text.c_str() + w->text.size() + 1);
	rapidjson::Document document;
	document.ParseInsitu<rapidjson::kParseValidateEncodingFlag |
			     rapidjson::kParseNumbersAsStringsFlag>(w->copy.data());
	if (document.HasParseError())
		die("RapidJSON does not take it");
	w->seen += document.MemberCount();
}

static void
cjson_turn(void *self)
{
	work *w = static_cast<work *>(self);
	cJSON *value = cJSON_ParseWithLength(w->text.data(), w->text.size());
	if (value == nullptr)
		die("cJSON does not take it");
	cJSON_Delete(value);
}

int
main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*turn)(void *self);
	} readers[] = {{"simdjson-dom", dom_turn}, {"simdjson-dom-to-tree", tree_turn},
	    {"simdjson-on-demand", ondemand_turn},
	    {"rapidjson-in-place", rapidjson_turn}, {"cjson", cjson_turn}};
	if (argc != 4)
		die("usage: readers NAME FILE SECONDS");
	work w;
	std::ostringstream all;
	all << std::ifstream(argv[2], std::ios::binary).rdbuf();
	w.text = all.str();
	w.padded = simdjson::padded_string(w.text);
	for (auto &reader : readers)
		if (std::strcmp(reader.name, argv[1]) == 0) {
			double us =
			    bench_slices(reader.turn, &w, std::strtod(argv[3], nullptr));
			std::printf("{\"us\":%.4f,\"bytes\":%zu}\n", us, w.text.size());
			return 0;
		}
	die("there is no such reader");
}
