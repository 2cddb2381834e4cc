/*
 * How it works: a plain look at the control socket says whether a broker is there; then the client
 * library does the rest.
 */
#include "cli/session.h"

#include <string.h>
#include <unistd.h>

#include "cli/ask.h"
#include "lib/base/os.h"

#define CONNECT_MS 10000

int
ph_cli_session(ph_cli *cli, const char *name, ph_client **out)
{
	char path[512];
	ph_error err, why;
	ph_client *client = NULL;
	int fd = -1;
	if (ph_ask_path(cli, path, sizeof path, &err) != PH_OK)
		return ph_cli_fail(cli, &err);
	/* A plain look first: the client would wait for a broker that is only starting. */
	ph_status status = ph_os_connect(path, &fd, &why);
	if (status != PH_OK) {
		(void) ph_fail_at(&err, PH_ERR_CLOSED, path,
		    "PH7010 the broker cannot be reached: %s; is packhorsed running, "
		    "with this "
		    "run directory (-c DIR, --socket PATH or PACKHORSE_RUN)?",
		    why.sys_errno != 0 ? strerror(why.sys_errno) : why.text);
		return ph_ask_unreachable(cli, &err);
	}
	close(fd);
	status = ph_client_new(path, &client, &err);
	if (status == PH_OK)
		status = ph_client_set(client, "name", name, &err);
	if (status == PH_OK)
		status = ph_client_connect(client, CONNECT_MS, &err);
	if (status == PH_OK) {
		*out = client;
		return PH_EXIT_OK;
	}
	ph_client_destroy(&client);
	if (status == PH_ERR_NOMEM || status == PH_ERR_USAGE || status == PH_ERR_DENIED)
		return ph_cli_fail(cli, &err);
	return ph_ask_unreachable(cli, &err);
}
