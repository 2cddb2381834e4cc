/*
 * How it works: one request line on the control socket, answered by one row that holds an endpoint
 * and a one-time token. The two values are plain printable text, so no JSON library is needed here:
 * a value with an escape in it is refused.
 */
#include "lib/client/inner.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/os.h"

#define ANSWER_MAX 4096

static ph_status
ask(int fd, const char *name, int64_t timeout_ms, char *answer, ph_error *err)
{
	char line[PH_ERROR_WHERE];
	int length = snprintf(line, sizeof line,
	    "{\"verb\":\"session.open\",\"args\":{\"name\":\"%s\"}}\n", name);
	if (write(fd, line, (size_t) length) != length)
		return ph_fail_errno(err, errno, "cannot ask the control socket");
	size_t have = 0;
	int64_t deadline = ph_client_now() + timeout_ms;
	while (strstr(answer, "\"end\"") == NULL && have < ANSWER_MAX - 1) {
		int64_t left = deadline - ph_client_now();
		struct pollfd item = {.fd = fd, .events = POLLIN};
		if (left <= 0 || poll(&item, 1, (int) left) == 0)
			return ph_fail(err, PH_ERR_TIMEOUT,
			    "PH6403 the control socket does not answer");
		ssize_t got = read(fd, answer + have, ANSWER_MAX - 1 - have);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return ph_fail(
			    err, PH_ERR_CLOSED, "PH6404 the control socket was closed");
		have += (size_t) got;
		answer[have] = 0;
	}
	return PH_OK;
}

static bool
value_of(const char *answer, const char *key, char *out, size_t size)
{
	char quoted[32];
	(void) snprintf(quoted, sizeof quoted, "\"%s\"", key);
	const char *at = strstr(answer, quoted);
	if (at == NULL)
		return false;
	at += strlen(quoted);
	at += strspn(at, " :");
	if (*at++ != '"')
		return false;
	size_t length = strcspn(at, "\"\\");
	if (at[length] != '"' || length == 0 || length >= size)
		return false;
	memcpy(out, at, length);
	out[length] = 0;
	return true;
}

ph_status
ph_client_grant(ph_client *client, ph_error *err)
{
	int fd = -1;
	ph_status status = ph_os_connect(client->address, &fd, err);
	if (status != PH_OK)
		return status;
	char answer[ANSWER_MAX] = "";
	status = ask(fd, client->name, client->connect_timeout, answer, err);
	(void) close(fd);
	if (status != PH_OK)
		return status;
	if (!value_of(answer, "endpoint", client->endpoint, sizeof client->endpoint) ||
	    !value_of(answer, "token", client->token, sizeof client->token))
		return ph_fail_at(err, PH_ERR_DENIED, client->address,
		    "PH6405 the broker grants no session here");
	return PH_OK;
}
