"""One process: the same model in bambi with nutpie; prints a JSON line."""

import json
import sys
import time

start = time.perf_counter()
import arviz_stats as az
import bambi as bmb
import pandas as pd

table = pd.read_csv(sys.argv[1], keep_default_na=False)
table["elite"] = (table["pop"] == "elite").astype(int)
imported = time.perf_counter()
model = bmb.Model(
    "p(k,n) ~ post*us + elite*us + (1+post|country) + (1+post|ally) + (1+post|country:ally)", table, family="binomial"
)
model.build()
built = time.perf_counter()
fit = model.fit(
    draws=1000, tune=1000, chains=4, cores=2, random_seed=int(sys.argv[2]), progressbar=False, inference_method="nutpie"
)
end = time.perf_counter()
names = [v for v in fit.posterior.data_vars if "offset" not in v]
summary = az.summary(fit, var_names=names, round_to="none")
print(
    json.dumps(
        {
            "what": "bambi with nutpie",
            "import_and_read": imported - start,
            "build": built - imported,
            "fit": end - imported,
            "whole": end - start,
            "sampling": float(fit.posterior.attrs.get("sampling_time", float("nan"))),
            "ess_min": float(summary.ess_bulk.min()),
            "ess_min_scales": float(summary.ess_bulk[summary.index.str.contains("sigma")].min()),
            "divergences": int(fit.sample_stats.diverging.sum()),
            "r_hat_max": float(summary.r_hat.max()),
        }
    )
)
