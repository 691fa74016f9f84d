/* debug.h - the tracing macros that mOS programs use: to the standard error output, and only when the
 * program is compiled with the same definitions as for mOS (DBGERR, INFO, DBGMSG, DBGLOG)
 */
#ifndef DEBUG_H
#define DEBUG_H

#include <assert.h>
#include <errno.h>
#include <stdio.h>

#define MOS_TRACE(f, ...)                                                                          \
	fprintf(stderr, "[%10s:%4d] " f, __func__, __LINE__, ##__VA_ARGS__)

#ifdef DBGERR
#define TRACE_ERROR(f, ...) MOS_TRACE(f, ##__VA_ARGS__)
#else
#define TRACE_ERROR(f, ...) (void)0
#endif
#ifdef INFO
#define TRACE_INFO(f, ...) MOS_TRACE(f, ##__VA_ARGS__)
#else
#define TRACE_INFO(f, ...) (void)0
#endif
#ifdef DBGMSG
#define TRACE_DBG(f, ...) MOS_TRACE(f, ##__VA_ARGS__)
#else
#define TRACE_DBG(f, ...) (void)0
#endif
#ifdef DBGLOG
#define TRACE_LOG(f, ...) MOS_TRACE(f, ##__VA_ARGS__)
#else
#define TRACE_LOG(f, ...) (void)0
#endif
#define TRACE_CONFIG(f, ...) fprintf(stderr, f, ##__VA_ARGS__)
#define TRACE_APP(f, ...) TRACE_DBG(f, ##__VA_ARGS__)

#endif
