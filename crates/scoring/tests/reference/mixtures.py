"""Writes mixtures.json: Gaussian mixtures as scikit-learn has them.

Three clear clusters of rows; densities, responsibilities and BIC of a mixture fitted to them, with full covariances and
with diagonal ones, and the number of components that BIC chooses.

    python mixtures.py > mixtures.json
"""

import json
import platform

import numpy
import sklearn
from sklearn.mixture import GaussianMixture

ROWS, MOST = 300, 6
CENTRES = numpy.array([[0.0, 0.0, 0.0], [8.0, 0.0, 2.0], [0.0, 9.0, -3.0]])
SHAPES = numpy.array([[[1.0, 0.0, 0.0], [0.5, 1.2, 0.0], [-0.3, 0.4, 0.8]], [[0.6, 0.0, 0.0], [0.1, 0.7, 0.0], [0.2, 0.0, 1.5]]])


def rows(random):
    which = numpy.arange(ROWS) % 3
    noise = random.normal(size=(ROWS, 3))
    return (CENTRES[which] + numpy.einsum("nij,nj->ni", SHAPES[which % 2], noise)).round(4)


def fit(x, k, kind):
    return GaussianMixture(k, covariance_type=kind, n_init=10, tol=1e-8, max_iter=1000, random_state=1).fit(x)


def spread(covariance, kind):
    """As `Gmm` is written: a diagonal, or the lower triangular factor row by row."""
    if kind == "diag":
        return {"diagonal": covariance.tolist()}
    return {"full": {"size": len(covariance), "cells": numpy.linalg.cholesky(covariance).flatten().tolist()}}


def case(x, far, kind):
    best = fit(x, 3, kind)
    parts = zip(best.weights_, best.means_, best.covariances_)
    components = [
        {"ln_weight": float(numpy.log(w)), "mean": m.tolist(), "spread": spread(c, kind)} for w, m, c in parts
    ]
    probes = numpy.concatenate([x[:20], far])
    bic = [fit(x, k, kind).bic(x) for k in range(1, MOST + 1)]
    return {
        "kind": kind,
        "mixture": {"components": components},
        "probes": probes.tolist(),
        "ln_densities": best.score_samples(probes).tolist(),
        "responsibilities": best.predict_proba(probes).tolist(),
        "mean_ln_density": best.score(x),
        "bic": bic,
        "components_by_bic": 1 + int(numpy.argmin(bic)),
    }


x = rows(numpy.random.default_rng(1))
far = numpy.array([[4.0, 0.0, 1.0], [4.0, 4.5, 0.0], [30.0, -20.0, 5.0], [1e3, 1e3, 1e3]])
made_by = f"scikit-learn {sklearn.__version__}, numpy {numpy.__version__}, Python {platform.python_version()}"
print(json.dumps({"made_by": made_by, "rows": x.tolist(), "cases": [case(x, far, kind) for kind in ("full", "diag")]}))
