# Two commands do all the set-up on a fresh Debian 12:
#   make demo   installs what is missing, builds, runs the demo studies (simulated GPUs; a tiny real model on the CPU),
#               says where the reports are
#   make test   installs what is missing, builds, runs every test, prints the counts
.PHONY: help demo test clean
JOBS := $(shell nproc 2>/dev/null || echo 2)
PHASEWATT := build/release/apps/cli/phasewatt

help:
	@sed -n '1,4s/^# \{0,1\}//p' Makefile

demo:
	@scripts/install_packages.sh build
	@echo "phasewatt: building (log: build/release/build.log); npm fetches the figures' scripts into build/"
	@mkdir -p build/release demo
	@scripts/quietly.sh build/release/build.log cmake --preset release
	@scripts/quietly.sh build/release/build.log cmake --build --preset release -j $(JOBS)
	@$(PHASEWATT) study run studies/demo.toml --output demo/results.db --jobs $(JOBS) --force
	@$(PHASEWATT) report demo/results.db --output demo/report --force
	@$(PHASEWATT) study run studies/tiny-cpu.toml --output demo/real.db --force
	@$(PHASEWATT) report demo/real.db --output demo/real-report --force
	@echo "Open demo/report/index.html (simulated GPU) and demo/real-report/index.html (a real model on this CPU) in a browser;"
	@echo "the numbers are in demo/results.db and demo/real.db."

test:
	@scripts/install_packages.sh build test
	@echo "phasewatt: building (log: build/dev/build.log); npm fetches the figures' scripts into build/"
	@mkdir -p build/dev
	@scripts/quietly.sh build/dev/build.log cmake --preset dev
	@scripts/quietly.sh build/dev/build.log cmake --build --preset dev -j $(JOBS)
	@ctest --preset dev -j $(JOBS) --progress

clean:
	rm -rf build demo
