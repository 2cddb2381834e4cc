/*
 * expand - one pass from "${" to "${"; what came out is not looked at again.
 */
#include "lib/config/expand.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/buffer.h"
#include "lib/base/text.h"
#include "lib/config/config.h"

#define TEXT_MAX       ((size_t) 64 << 10) /* one expanded value */
#define NAME_MAX_BYTES 128u

typedef struct expansion {
	ph_document *document;
	const ph_node *node;
	ph_error *err;
	ph_buffer out;
} expansion;

static size_t
name_length(const char *text)
{
	static const char letters[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
	static const char both[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";
	return strspn(text, letters) == 0 ? 0 : strspn(text, both);
}

static ph_status
bad_form(const expansion *x)
{
	return ph_config_fail(x->err, x->document, x->node,
	    "PH1020 write ${NAME} or ${NAME:-default}, or $${ for the two characters");
}

static ph_status
unset(const expansion *x, const char *name)
{
	return ph_config_fail(x->err, x->document, x->node,
	    "PH1021 the environment has no %s: set it, or write ${%s:-default}", name,
	    name);
}

static ph_status
append_variable(expansion *x, const char *name, const char *fallback, size_t length)
{
	const char *value = getenv(name);
	bool set = value != NULL && (value[0] != '\0' || fallback == NULL);
	if (!set && fallback == NULL)
		return unset(x, name);
	if (!set) {
		ph_buffer_append(&x->out, fallback, length);
		return PH_OK;
	}
	if (!ph_utf8_valid(value, strlen(value), NULL))
		return ph_config_fail(x->err, x->document, x->node,
		    "PH1022 the value of %s in the environment is not valid UTF-8",
		    name);
	ph_buffer_text(&x->out, value);
	return PH_OK;
}

/* `*text` is behind "${"; moves behind the "}". */
static ph_status
expand_one(expansion *x, const char **text)
{
	const char *at = *text;
	size_t length = name_length(at);
	if (length == 0 || length >= NAME_MAX_BYTES)
		return bad_form(x);
	char name[NAME_MAX_BYTES];
	memcpy(name, at, length);
	name[length] = '\0';
	at += length;
	const char *fallback = NULL;
	if (strncmp(at, ":-", 2) == 0)
		fallback = at += 2;
	const char *close = strchr(at, '}');
	if (close == NULL || (fallback == NULL && close != at))
		return bad_form(x);
	*text = close + 1;
	return append_variable(x, name, fallback, (size_t) (close - at));
}

static ph_status
expand_all(expansion *x, const char *text)
{
	const char *found = NULL;
	while ((found = strstr(text, "${")) != NULL) {
		if (found > text && found[-1] == '$') {
			ph_buffer_append(&x->out, text, (size_t) (found - text));
			ph_buffer_u8(&x->out, '{');
			text = found + 2;
			continue;
		}
		ph_buffer_append(&x->out, text, (size_t) (found - text));
		text = found + 2;
		ph_status status = expand_one(x, &text);
		if (status != PH_OK)
			return status;
	}
	ph_buffer_text(&x->out, text);
	return PH_OK;
}

static ph_status
replace(const expansion *x, ph_node *node)
{
	const char *text = NULL;
	if (!x->out.failed)
		text = ph_arena_dup(ph_document_arena(x->document),
		    x->out.length == 0 ? (const void *) "" : x->out.data,
		    x->out.length);
	if (text == NULL)
		return ph_config_fail(x->err, x->document, node,
		    "PH1023 the value grows to more than 64 KiB with the "
		    "environment's");
	node->text = text;
	node->length = x->out.length;
	return PH_OK;
}

ph_status
ph_config_expand(ph_document *document, ph_node *node, ph_error *err)
{
	if (strstr(node->text, "${") == NULL)
		return PH_OK;
	expansion x = {.document = document, .node = node, .err = err};
	ph_buffer_init(&x.out, TEXT_MAX);
	ph_status status = expand_all(&x, node->text);
	if (status == PH_OK)
		status = replace(&x, node);
	ph_buffer_fini(&x.out);
	return status;
}
