#include "broker/backoff.h"

#include "lib/base/os.h"

int64_t
ph_backoff_plain(const ph_site_retry *retry, unsigned attempts)
{
	int64_t wait_ms = retry->first_ms;
	for (unsigned i = 1; i < attempts && wait_ms < retry->max_ms; i++)
		wait_ms = wait_ms * retry->factor_percent / 100;
	if (wait_ms > retry->max_ms)
		wait_ms = retry->max_ms;
	return wait_ms < 1 ? 1 : wait_ms;
}

int64_t
ph_backoff(const ph_site_retry *retry, unsigned attempts)
{
	int64_t wait_ms = ph_backoff_plain(retry, attempts);
	uint16_t chance = 0;
	if (ph_os_random(&chance, sizeof chance, NULL) != PH_OK)
		return wait_ms;
	int64_t fifth = wait_ms / 5;
	wait_ms += fifth == 0 ? 0 : (int64_t) chance % (2 * fifth + 1) - fifth;
	return wait_ms < 1 ? 1 : wait_ms;
}
