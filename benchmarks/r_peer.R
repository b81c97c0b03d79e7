# One process: the canonical problem in an R package; prints a line "JSON {...}".
#   Rscript r_peer.R PACKAGE CELLS.csv SEED        (rstanarm, brms, lme4, glmmTMB)
given <- commandArgs(trailingOnly = TRUE)
start <- proc.time()[["elapsed"]]
suppressMessages(library(given[1], character.only = TRUE))
cells <- read.csv(given[2], na.strings = "")
cells$elite <- as.integer(cells$pop == "elite")
seed <- as.integer(given[3])
imported <- proc.time()[["elapsed"]]
effects <- "post * us + elite * us + (1 + post | country) + (1 + post | ally) + (1 + post | country:ally)"
success <- as.formula(paste("cbind(k, n - k) ~", effects))
ess <- NA
diverged <- NA
found <- suppressWarnings(switch(given[1],
  rstanarm = stan_glmer(success, cells, family = binomial(), chains = 4, cores = 2, iter = 2000, seed = seed, refresh = 0),
  brms = brm(as.formula(paste("k | trials(n) ~", effects)), cells, family = binomial(), chains = 4, cores = 2,
             iter = 2000, seed = seed, refresh = 0),
  lme4 = glmer(success, cells, family = binomial()),
  glmmTMB = glmmTMB(success, cells, family = binomial())
))
if (given[1] == "rstanarm") {
  ess <- min(summary(found)[, "n_eff"])
  diverged <- sum(rstan::get_num_divergent(found$stanfit))
}
if (given[1] == "brms") {
  ess <- min(posterior::summarise_draws(found)$ess_bulk, na.rm = TRUE)
  diverged <- sum(rstan::get_num_divergent(found$fit))
}
end <- proc.time()[["elapsed"]]
number <- function(x) if (is.na(x)) "null" else format(x, digits = 8)
cat(sprintf('JSON {"what": "%s %s", "import_and_read": %s, "fit": %s, "whole": %s, "ess_min": %s, "divergences": %s}\n',
            given[1], packageVersion(given[1]), number(imported - start), number(end - imported), number(end - start),
            number(ess), number(diverged)))
