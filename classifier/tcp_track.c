/* classifier/tcp_track.c - the states of both ends, see tcp_track.h */
#include "classifier/tcp_track.h"

#include "classifier/tcp_state.h"
#include "shm/layout.h"

static bool unopened(uint8_t st)
{
	return st == FOS_TCP_ST_CLOSED || st == FOS_TCP_ST_LISTEN;
}

static uint8_t after_sending(uint8_t st, const struct fos_tcp_seen *seg)
{
	if (seg->flags & FOS_TCP_SYN) {
		if (seg->flags & FOS_TCP_ACK)
			return unopened(st) || st == FOS_TCP_ST_SYN_SENT ? FOS_TCP_ST_SYN_RECEIVED : st;
		return unopened(st) ? FOS_TCP_ST_SYN_SENT : st;
	}
	/* it has had what it acknowledges, whether or not we saw that */
	if (st == FOS_TCP_ST_SYN_SENT)
		st = FOS_TCP_ST_ESTABLISHED;
	if (!(seg->flags & FOS_TCP_FIN))
		return st;
	if (st == FOS_TCP_ST_ESTABLISHED || st == FOS_TCP_ST_SYN_RECEIVED)
		return FOS_TCP_ST_FIN_WAIT_1;
	if (st != FOS_TCP_ST_CLOSE_WAIT)
		return st;
	/* the other's FIN passed us before, but this one was sent without knowing of it: they cross */
	return seg->acks_fin ? FOS_TCP_ST_LAST_ACK : FOS_TCP_ST_CLOSING;
}

static uint8_t after_ack_of_fin(uint8_t st)
{
	switch (st) {
	case FOS_TCP_ST_FIN_WAIT_1:
		return FOS_TCP_ST_FIN_WAIT_2;
	case FOS_TCP_ST_CLOSING:
		return FOS_TCP_ST_TIME_WAIT;
	case FOS_TCP_ST_LAST_ACK:
		return FOS_TCP_ST_CLOSED;
	default:
		return st;
	}
}

static uint8_t after_fin(uint8_t st)
{
	switch (st) {
	case FOS_TCP_ST_SYN_RECEIVED:
	case FOS_TCP_ST_ESTABLISHED:
		return FOS_TCP_ST_CLOSE_WAIT;
	case FOS_TCP_ST_FIN_WAIT_1:
		return FOS_TCP_ST_CLOSING;
	case FOS_TCP_ST_FIN_WAIT_2:
		return FOS_TCP_ST_TIME_WAIT;
	default:
		return st;
	}
}

static uint8_t after_receiving(uint8_t st, const struct fos_tcp_seen *seg)
{
	if (seg->flags & FOS_TCP_SYN) {
		if (seg->flags & FOS_TCP_ACK)
			return unopened(st) || st == FOS_TCP_ST_SYN_SENT ||
					       st == FOS_TCP_ST_SYN_RECEIVED ?
				       FOS_TCP_ST_ESTABLISHED :
				       st;
		return unopened(st) || st == FOS_TCP_ST_SYN_SENT ? FOS_TCP_ST_SYN_RECEIVED : st;
	}
	if (st == FOS_TCP_ST_SYN_RECEIVED)
		st = FOS_TCP_ST_ESTABLISHED;
	if (seg->acks_fin)
		st = after_ack_of_fin(st);
	return seg->fin_taken ? after_fin(st) : st;
}

void fos_tcp_track(uint8_t *sender, uint8_t *receiver, const struct fos_tcp_seen *seg)
{
	if (seg->flags & FOS_TCP_RST) {
		*sender = *receiver = FOS_TCP_ST_CLOSED;
		return;
	}
	*sender = after_sending(*sender, seg);
	*receiver = after_receiving(*receiver, seg);
}
