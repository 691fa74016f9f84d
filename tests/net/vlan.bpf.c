/* vlan.bpf.c - tag what a host sends and untag what it receives, at tc on its device.
 * For kernels without 8021q.  VID is one tag; with OUTER there is an 802.1ad tag around it. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

SEC("tc/push")
int push(struct __sk_buff *skb)
{
	if (bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q), VID))
		return TC_ACT_SHOT;
#ifdef OUTER
	if (bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021AD), OUTER))
		return TC_ACT_SHOT;
#endif
	return TC_ACT_OK;
}

/* What arrives without the tags, or with others, is not for this host. */
SEC("tc/pop")
int pop(struct __sk_buff *skb)
{
#ifdef OUTER
	if (!skb->vlan_present || (skb->vlan_tci & 0xfff) != OUTER || bpf_skb_vlan_pop(skb))
		return TC_ACT_SHOT;
#endif
	if (!skb->vlan_present || (skb->vlan_tci & 0xfff) != VID || bpf_skb_vlan_pop(skb))
		return TC_ACT_SHOT;
	return TC_ACT_OK;
}

char LICENSE[] SEC("license") = "GPL";
