# tests/: what is special about one.

# libhs throws and catches: AddressSanitizer must have met the C++ library before.
ifneq ($(findstring address,$(SAN)),)
test_mod_match_LIBS = $(if $(filter libhs,$(PKG_LACK)),,-Wl,--no-as-needed -l:libstdc++.so.6)
test_mod_fuzz_LIBS = $(test_mod_match_LIBS)
test_mod_ids_LIBS = $(test_mod_match_LIBS)
endif
