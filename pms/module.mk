# pms/: each file is a module; here only what is special about one.
pms_digest_LIBS := -lcrypto
pms_balance_LIBS := -lm
pms_filescan_PKG := yara

# Libraries that may be absent (Debian: libvectorscan-dev or libhyperscan-dev, libpcre2-dev,
# libndpi-dev).  nDPI changes its calls between versions; 4.2 is Debian 12's.
pms_match_PKG := libhs libpcre2-8
pms_match_SRCS := pms/lib/patterns.c
pms_ndpi_PKG := $(shell pkg-config --exists 'libndpi >= 4.2 libndpi < 4.4' 2>/dev/null && \
	echo libndpi || echo libndpi-4.2)
pms_ids_PKG := libhs libpcre2-8
pms_ids_SRCS := $(addprefix pms/lib/,patterns.c rules.c rules_term.c rules_option.c)
