/* mtcp_util.h - mOS's helpers, on FlowOS */
#ifndef MTCP_UTIL_H
#define MTCP_UTIL_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <unistd.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The core that packets of these addresses come by.  A FlowOS process has one context, and what it is
 * shown is its own: always 0.  (mOS had this call with and without a last argument.) */
int GetRSSCPUCore(in_addr_t sip, in_addr_t dip, in_port_t sp, in_port_t dp, int num_queues, ...);

/* Splits a string at blanks, in place, into at most max_argc words.  0, or -1 when there are more. */
int StrToArgs(char *str, int *argc, char **argv, int max_argc);

#ifdef __cplusplus
}
#endif
#endif
