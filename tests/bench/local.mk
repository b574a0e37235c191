# tests/bench: bench_programs += tests/bench/bench_NOUN, one per line.  Each prints one JSON line per figure and takes --quick.

.PHONY: bench bench-quick
bench: $(bench_programs)
	@set -e; for program in $(bench_programs); do ./$$program $(BENCH_FLAGS); done
bench-quick: $(bench_programs)
	@set -e; for program in $(bench_programs); do ./$$program --quick $(BENCH_FLAGS); done
