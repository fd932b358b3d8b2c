"""Writes genpareto.json: survival, likelihood and fits of the generalised Pareto distribution as scipy has them.

    python genpareto.py > genpareto.json
"""

import json
import platform

import numpy
import scipy
from scipy.stats import genpareto

SCALE, EXCESSES = 2.0, 1000


def case(xi, seed):
    at = [0.0, 0.1, 1.0, 3.0, 4.5, 10.0, 100.0, 1e4]
    random = numpy.random.default_rng(seed)
    excesses = genpareto.rvs(xi, scale=SCALE, size=EXCESSES, random_state=random).round(5)
    shape, _, scale = genpareto.fit(excesses, floc=0, method="MLE")
    return {
        "xi": xi,
        "sigma": SCALE,
        # Past the end of a bounded tail scipy has minus infinity, which JSON has not.
        "ln_survival": [(y, genpareto.logsf(y, xi, scale=SCALE)) for y in at if genpareto.sf(y, xi, scale=SCALE) > 0],
        "excesses": excesses.tolist(),
        "ln_likelihood": genpareto.logpdf(excesses, xi, scale=SCALE).sum(),
        "fitted_xi": shape,
        "fitted_sigma": scale,
    }


cases = [case(xi, seed) for seed, xi in enumerate([-0.4, -0.2, 0.0, 0.2, 0.5])]
made_by = f"scipy {scipy.__version__}, numpy {numpy.__version__}, Python {platform.python_version()}"
print(json.dumps({"made_by": made_by, "cases": cases}))
