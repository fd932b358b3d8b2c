"""Writes ledoit_wolf.json: shrunk covariances as scikit-learn has them.

    python ledoit_wolf.py > ledoit_wolf.json
"""

import json
import platform

import numpy
import sklearn
from sklearn.covariance import LedoitWolf


def case(rows, columns, seed):
    random = numpy.random.default_rng(seed)
    mixing = random.normal(size=(columns, columns)) / numpy.sqrt(columns)
    x = (random.normal(size=(rows, columns)) @ mixing + random.normal(size=columns)).round(6)
    fitted = LedoitWolf().fit(x)
    return {
        "rows": x.tolist(),
        "mean": fitted.location_.tolist(),
        "shrinkage": fitted.shrinkage_,
        "covariance": fitted.covariance_.tolist(),
    }


# More rows than columns, and fewer.
cases = [case(80, 6, 1), case(12, 20, 2), case(5, 1, 3)]
made_by = f"scikit-learn {sklearn.__version__}, numpy {numpy.__version__}, Python {platform.python_version()}"
print(json.dumps({"made_by": made_by, "cases": cases}))
