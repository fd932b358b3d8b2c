# The commands of everyday work; each installs what it lacks. What they do stands in scripts/.

.PHONY: demo test lint web e2e bench histories detection drill

demo: ## Build everything and run the demo: a simulated plant, watched. ARGS="--speed 2" goes to `andon demo`.
	@scripts/demo.sh $(ARGS)

test: ## Every test; the last line is the sum.
	@scripts/test.sh

lint: ## Format and lints only.
	@scripts/lint.sh

web: ## The dashboard into web/dist.
	@scripts/web.sh

e2e: ## The browser tests only.
	@scripts/e2e.sh

bench: ## The engine beside other runtimes, as Markdown. ARGS="--quick" for a short run.
	@scripts/bench.sh $(ARGS)

histories: ## What a history costs beside other stores, as Markdown. DATA=FOLDER; ARGS="--quick" for a short run.
	@scripts/histories.sh $(ARGS)

detection: ## How well the models detect, as Markdown. DATA=FOLDER; ARGS="--only var multiscale" for a part.
	@scripts/detection.sh $(ARGS)

drill: ## The engine under valgrind; the store on a disk that fails 200 times; two andon on one PostgreSQL, killed 50 times.
	@scripts/valgrind.sh
	@cargo build -p andon-store --examples
	@ANDON_DRILL_ROUNDS=$${ANDON_DRILL_ROUNDS:-200} cargo test -p andon-store --test drill -- --nocapture
	@ANDON_DRILL_KILLS=$${ANDON_DRILL_KILLS:-50} scripts/sharing.sh
