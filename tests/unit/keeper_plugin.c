/*
 * keeper - a plug-in that is a system with one record, for tests of the host: it answers before send
 * returns. `url.mood` says how it feels. A delivery's bytes come back as its reference; whoever reads
 * with a document gets a record that is the document.
 */
#include <packhorse/adapter.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct keeper {
	const ph_adapter_host *host;
	unsigned state; /* of the record */
	char large[70000];
} keeper;

static const struct {
	const char *mood;
	uint32_t verdict, status;
	const char *body, *text;
} moods[] = {
    {"gone", PH_ADAPTER_ANSWERED, 404, "{}", ""},
    {"busy", PH_ADAPTER_ANSWERED, 503, "{}", ""},
    {"strict", PH_ADAPTER_ANSWERED, 401, "{}", ""},
    {"odd", PH_ADAPTER_ANSWERED, 200, "<html>", ""},
    {"shy", PH_ADAPTER_ANSWERED, 200, "{\"error\":\"no such case\"}", ""},
    {"away", PH_ADAPTER_NOT_SENT, 0, "", "PH4103 connection refused"},
    {"quiet", PH_ADAPTER_LOST, 0, "", "PH4105 no answer in time"},
    {"", PH_ADAPTER_ANSWERED, 200,
	"{\"case\":{\"id\":\"C7\",\"owner\":\"Jo\",\"state\":\"open\",\"log\":[]}}",
	""},
};

static ph_adapter_text
text_of(const char *text)
{
	return (ph_adapter_text){text, strlen(text)};
}

static int
is(const ph_adapter_text *text, const char *word)
{
	return text->length == strlen(word) && !memcmp(text->data, word, text->length);
}

static ph_adapter_text
mood_of(const ph_adapter_request *request)
{
	for (uint64_t i = 0; i < request->attribute_count; i++)
		if (is(&request->attributes[i].name, "url.mood"))
			return request->attributes[i].value;
	return text_of("");
}

static void
fetch(keeper *it, const ph_adapter_text *mood, ph_adapter_answer *answer, char *version,
    size_t size)
{
	size_t at = 0;
	while (*moods[at].mood && !is(mood, moods[at].mood))
		at++;
	snprintf(version, size, "\"%u\"", it->state);
	answer->verdict = moods[at].verdict;
	answer->status = moods[at].status;
	answer->body = text_of(moods[at].body);
	answer->text = text_of(moods[at].text);
	answer->version = text_of(version);
	if (is(mood, "large")) {
		memset(it->large, ' ', sizeof it->large - 1);
		memcpy(it->large, moods[at].body, strlen(moods[at].body));
		answer->body = text_of(it->large);
	}
	if (is(mood, "wordy")) {
		memset(it->large, 'x', sizeof it->large - 1);
		answer->version = (ph_adapter_text){it->large, 1024};
	}
	if (it->state > 1) /* by then it is another's */
		answer->body = text_of("{\"case\":{\"owner\":\"Ann\"}}");
	if (is(mood, "shared") || (is(mood, "moved") && it->state == 1))
		it->state++; /* somebody else changes it before we do */
}

static void
deliver(keeper *it, const ph_adapter_request *request, ph_adapter_answer *answer)
{
	char version[16];
	snprintf(version, sizeof version, "\"%u\"", it->state);
	if (request->version.length && !is(&request->version, version)) {
		answer->verdict = PH_ADAPTER_CHANGED;
		answer->text = text_of("PH4124 it was changed");
		return;
	}
	answer->verdict = PH_ADAPTER_DONE;
	answer->reference = request->body;
}

static uint32_t
send_request(void *instance, const ph_adapter_request *request, ph_adapter_error *error)
{
	keeper *it = instance;
	ph_adapter_text mood = mood_of(request);
	ph_adapter_answer answer = {.size = sizeof answer};
	char version[16], record[256];
	(void) error;
	if (request->operation != PH_ADAPTER_FETCH) {
		deliver(it, request, &answer);
	} else if (request->body.length) {
		snprintf(record, sizeof record, "{\"case\":%.*s}",
		    (int) request->body.length, request->body.data);
		answer.verdict = PH_ADAPTER_ANSWERED;
		answer.body = text_of(record);
	} else {
		fetch(it, &mood, &answer, version, sizeof version);
	}
	it->host->answered(it->host->self, request->token, &answer);
	return PH_ADAPTER_OK;
}

static uint32_t
create(const ph_adapter_host *host, const ph_adapter_config *config, void **instance,
    ph_adapter_error *error)
{
	keeper *it = calloc(1, sizeof *it);
	(void) config;
	(void) error;
	if (!it)
		return PH_ADAPTER_FAILED;
	it->host = host;
	it->state = 1;
	*instance = it;
	return PH_ADAPTER_OK;
}

static uint32_t
start(void *instance, uint64_t deadline, ph_adapter_error *error)
{
	(void) instance;
	(void) deadline;
	(void) error;
	return PH_ADAPTER_OK;
}

static void
stop(void *instance, uint64_t deadline)
{
	(void) instance;
	(void) deadline;
}

static const ph_adapter_ops ops = {.size = sizeof ops,
    .create = create,
    .start = start,
    .send = send_request,
    .stop = stop,
    .destroy = free};

PH_ADAPTER_EXPORT const ph_adapter_manifest ph_adapter = {
    .size = sizeof ph_adapter,
    .abi_major = 0,
    .abi_minor_least = 1,
    .abi_minor_built = 2,
    .required = PH_ADAPTER_CAN_SEND,
    .name = "keeper",
    .version = "1",
    .vendor = "Packhorse",
    .licence = "Apache-2.0",
    .schema = "{\"type\":\"object\",\"properties\":{\"send\":{\"type\":\"array\","
	      "\"items\":{\"type\":\"object\",\"additionalProperties\":false,"
	      "\"properties\":{\"url\":{\"type\":\"string\"}}}}}}",
    .ops = &ops,
};
