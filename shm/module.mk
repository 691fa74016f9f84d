# shm/: the one library under all processes, and the keeper
shm_SRCS := $(addprefix shm/,ring.c txn.c counter.c box.c view.c build.c build_frames.c csum.c hash.c quote.c \
	capture.c capture_io.c capture_write.c pcapng.c pmfile.c words.c build_place.c steer.c steer_map.c xsk.c \
	xsk_open.c log.c notify.c region.c grant.c loop.c proc.c proc_main.c proc_run.c proc_spare.c confine.c death.c killpoint.c \
	starved.c node.c parcel.c table.c)
shm_LIBS := -lxdp -lbpf -luring -lnuma -lelf -lz -lseccomp
PROGS += flowos-keeper
flowos-keeper_SRCS := $(addprefix shm/,keeper_main.c keeper_conf.c keeper_pms.c keeper_nic.c \
	keeper_regions.c keeper_net.c keeper_match.c keeper_store.c keeper_lease.c \
	keeper_grant.c keeper_listen.c keeper_serve.c keeper_module.c keeper_options.c keeper_failure.c keeper_spare.c keeper_death.c keeper_slow.c \
	keeper_haste.c keeper_pipeline.c)
flowos-keeper_DEPS := config shm
flowos-keeper_LIBS := -ljansson
