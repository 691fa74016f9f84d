/* tests/sim/tun.h - the running kernel as the receiver behind the box, by a TUN device
 *
 * In a network namespace of its own: SCRIPT_SERVER4 and _6 on a TUN device, and an application that
 * accepts on SCRIPT_PORT and reads all there is.  The interface is that of the model (host.h).
 */
#ifndef TESTS_SIM_TUN_H
#define TESTS_SIM_TUN_H

#include "tests/sim/host.h"

struct tun {
	struct receiver r;
	struct host_conn conns[HOST_MAX_CONNS];
	int fd, listener;
	int sock[HOST_MAX_CONNS];
};

/* Makes the namespace and the device.  0, or -1 with *why said (no root, no /dev/net/tun). */
int tun_open(struct tun *t, const char **why);

/* Before a run: connections of the last one are gone. */
void tun_reset(struct tun *t);

#endif
