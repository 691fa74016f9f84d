/* tests/net/loss.bpf.c - loses LOSS_PER_MILLE of the packets that pass; tc, direct action */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>

SEC("tc")
int loss(struct __sk_buff *skb)
{
	(void)skb;
	return bpf_get_prandom_u32() % 1000 < LOSS_PER_MILLE ? TC_ACT_SHOT : TC_ACT_OK;
}

char _license[] SEC("license") = "Dual BSD/GPL";
