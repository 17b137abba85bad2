"""The drift charts once more, over whole timelines at a time: closed forms instead of recursions.

Written from the definitions (``docs/drift.md``) to check the streaming monitor against; cumulative sums have
no top here, so it agrees up to the first alarm.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from personalab_core.identity.drift.parameters import Usual
from personalab_core.identity.drift.residuals import Observation

N0, TOP, LAG, STEP, FEW = 40, 200, 50, 10, 10
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Twin:
    """Statistics by record; zero in the first baseline and, of the direction, before 20 embeddings."""

    z: Floats
    judged: NDArray[np.bool_]
    level: Floats
    failures: Floats
    spread: Floats
    direction: Floats


def twin(seen: list[Observation], faces: Floats | None, usual: Usual) -> Twin:
    t = np.arange(len(seen))
    n_fit = np.clip((t - LAG) // STEP * STEP, N0, TOP)
    z, judged = _residuals(seen, usual, n_fit)
    clip = np.clip(z, -2, 2)
    after = judged & (t >= N0)
    local = _local_deviation(clip, z, judged)
    failed = local < -3.2
    level = np.zeros(len(seen))
    level[after] = _ewma(clip[after], 0.1) / _sd(n_fit[after], 0.1, [_widen(clip[:n], 0.1) for n in n_fit[after]])
    return Twin(
        z,
        judged,
        _carried(level, after),
        _carried(_failures(failed, after), after),
        _carried(_spread(local, failed, after), after),
        _direction(seen, faces, z, after, n_fit) if faces is not None else np.zeros(len(seen)),
    )


def _residuals(seen: list[Observation], usual: Usual, n_fit: NDArray[np.int64]) -> tuple[Floats, NDArray[np.bool_]]:
    """Least squares with the priors as extra rows; a framing or source seen fewer than ten times is learned first."""
    z, judged = np.zeros(len(seen)), np.ones(len(seen), dtype=bool)
    newcomers: list[int] = []
    fitted = (0, 0)
    for t in range(N0, len(seen)):
        n = int(n_fit[t])
        if fitted[0] != n:
            fitted = (n, len(newcomers))
        rows = [*range(n), *(i for i in newcomers[: fitted[1]] if i >= n)]
        beta, scale = _fit([seen[i] for i in rows], usual)
        if t == N0:
            z[:N0] = [_residual(s, beta, scale, usual) for s in seen[:N0]]
        z[t] = _residual(seen[t], beta, scale, usual)
        learned = [*range(n), *(i for i in newcomers if i >= n)]
        counts = [sum(_same(seen[i], seen[t], what) for i in learned) for what in ("framing", "source")]
        judged[t] = min(counts) >= FEW
        if not judged[t]:
            newcomers.append(t)
            if any(c == FEW - 1 for c in counts):
                fitted = (n, len(newcomers))
    return z, judged


def _same(a: Observation, b: Observation, what: str) -> bool:
    return bool(getattr(a, what) == getattr(b, what))


def _row(s: Observation, sources: list[str]) -> list[float]:
    return [1, s.framing == "half", s.framing == "full", s.face_size, s.patch_level, *(s.source == x for x in sources)]


def _fit(records: list[Observation], usual: Usual) -> tuple[dict[str, Floats], float]:
    sources = sorted({s.source for s in records} - {usual.reference})
    x = np.array([_row(s, sources) for s in records], dtype=float)
    y = np.array([s.score for s in records])
    s0 = np.array([usual.spread[s.framing] for s in records])
    priors = [usual.level, usual.half, usual.full, usual.face_size, usual.patch]
    priors += [usual.sources.get(s, usual.new_source) for s in sources]
    w, scale = np.ones(len(y)), 1.0
    beta = np.zeros(x.shape[1])
    for _ in range(5):
        root = np.sqrt(w) / s0
        a = np.vstack([x * root[:, None], np.diag([1 / p.sd for p in priors])])
        b = np.concatenate([y * root, [p.mean / p.sd for p in priors]])
        beta = np.linalg.lstsq(a, b, rcond=None)[0]
        z = (y - x @ beta) / s0
        own, trust = float(np.median(np.abs(z))) / 0.6745, usual.spread_weight
        scale = float(np.sqrt((len(z) * own**2 + trust) / (len(z) + trust)))
        w = np.minimum(1, 2 / np.maximum(np.abs(z / scale), 1e-9))
    return {"common": beta[:5], **{s: beta[5 + i] for i, s in enumerate(sources)}}, scale


def _residual(s: Observation, beta: dict[str, Floats], scale: float, usual: Usual) -> float:
    known = usual.sources.get(s.source, usual.new_source).mean if s.source != usual.reference else 0.0
    own = float(beta.get(s.source, known)) if s.source != usual.reference else 0.0
    return float((s.score - np.dot(_row(s, []), beta["common"]) - own) / (usual.spread[s.framing] * scale))


def _ewma(values: Floats, weight: float) -> Floats:
    """All weighted means at once, as a product with the triangle of weights."""
    i = np.arange(len(values))
    triangle = np.tril(weight * (1 - weight) ** np.clip(i[:, None] - i[None], 0, None))
    return np.asarray(triangle @ values)


def _sd(n: NDArray[np.int64], weight: float, factor: list[float]) -> Floats:
    k = np.arange(1, len(n) + 1)
    return np.sqrt(weight / (2 - weight) * (1 - (1 - weight) ** (2 * k)) + 1 / n) * np.array(factor)


def _widen(clip: Floats, weight: float) -> float:
    y = clip - clip.mean()
    n = len(y)
    full = np.correlate(y, y, "full")[n - 1 :] / (y @ y)
    total = float(sum((full[k] + 1 / n) * (1 - weight) ** k for k in range(1, 13)))
    return float(np.sqrt(1 + 2 * max(0.0, (n * total + 6.0) / (n + 40))))


def _local_deviation(clip: Floats, z: Floats, judged: NDArray[np.bool_]) -> Floats:
    """Residual less the mean of the ten judged before it."""
    sums = np.concatenate([np.zeros(11), np.cumsum(clip[judged])])
    rank = np.cumsum(judged) - judged
    return np.asarray(z - (sums[rank + 10] - sums[rank]) / 10)


def _reflected(steps: Floats) -> Floats:
    """A cumulative sum that never falls below zero: its distance from its own lowest point."""
    sums = np.cumsum(steps)
    return np.asarray(sums - np.minimum(0, np.minimum.accumulate(sums)))


def _failures(failed: NDArray[np.bool_], after: NDArray[np.bool_]) -> Floats:
    p0 = (failed[:N0].sum() + 2) / 80
    p1 = min(0.5, 3 * p0)
    out = np.zeros(len(failed))
    out[after] = _reflected(np.where(failed[after], np.log(p1 / p0), np.log((1 - p1) / (1 - p0))))
    return out


def _spread(local: Floats, failed: NDArray[np.bool_], after: NDArray[np.bool_]) -> Floats:
    size = np.minimum(3, np.abs(local))
    base = size[10:N0][~failed[10:N0]]
    usual = (base.sum() + 16) / (len(base) + 20)
    out = np.zeros(len(local))
    out[after] = _reflected(np.where(failed[after], 0, (size[after] - usual) / 0.6 - 0.35))
    return out


def _carried(values: Floats, own: NDArray[np.bool_]) -> Floats:
    """The last judged value stands where a record was not judged."""
    last = np.maximum.accumulate(np.where(own, np.arange(len(values)), -1))
    return np.where(last >= 0, values[last], 0.0)


def _direction(
    seen: list[Observation], faces: Floats, z: Floats, after: NDArray[np.bool_], n_fit: NDArray[np.int64]
) -> Floats:
    t = np.arange(len(seen))
    framing = np.array([s.framing for s in seen])
    one_hot = (framing[:, None] == np.array(["head", "half", "full"])[None]).astype(float)
    base = (t < N0) & (z > -3.5)
    used = after & (z > -3.5)
    average, weights = _ewma(faces[used], 0.05), _ewma(one_hot[used], 0.05)
    n_used = np.cumsum(used)
    fits = {n: _fitted_faces(one_hot[:n][(base | used)[:n]], faces[:n][(base | used)[:n]]) for n in np.unique(n_fit)}
    out = np.zeros(len(seen))
    for i in t[(t >= N0) & (n_used >= 20)]:
        k, (c, cov, power, varies) = n_used[i], fits[n_fit[i]]
        w = weights[k - 1]
        variance = 0.05 / 1.95 * (1 - 0.95 ** (2 * k)) + w @ cov @ w
        shift = average[k - 1] - w @ c
        out[i] = np.sqrt(max(0.0, 1 + (shift @ shift / (power * variance) - 1) / varies))
    return out


def _fitted_faces(one_hot: Floats, faces: Floats) -> tuple[Floats, Floats, float, float]:
    """Centroids, their covariance, the mean square of a residual, widened, and how much that varies in averages."""
    mean, covariance = _centroids(one_hot, faces)
    r, n, counts = faces - one_hot @ mean, len(faces), one_hot.sum(axis=0)
    power = (r**2).sum() / (n - (counts / (counts + 8)).sum())
    lags = min(12, n // 4)
    rho = [(r[k:] * r[:-k]).sum() / (n - k) / power for k in range(1, lags + 1)]
    whole = max(0.0, (sum(rho) + lags / n) / (1 - 2 * lags / n))
    total = sum((rho[k - 1] + (1 + 2 * whole) / n) * 0.95**k for k in range(1, lags + 1))
    m = np.stack([block.mean(axis=0) for block in np.split(r[: n // 10 * 10], n // 10)])
    pairs = np.array([m[i] @ m[j] for i in range(len(m)) for j in range(i)])
    own = pairs.var(ddof=1) / ((m**2).sum() / (len(m) - 1)) ** 2
    varies = np.sqrt((n * own + 1.0) / (n + 60) * 60)
    return mean, covariance, power * (1 + 2 * max(0.0, (n * total + 2.4) / (n + 8))), varies


def _centroids(one_hot: Floats, faces: Floats) -> tuple[Floats, Floats]:
    """Shrunk means by framing, as one linear map of the framings' sums, and their covariance from it."""
    counts = one_hot.sum(axis=0)
    trust = np.diag(counts / (counts + 8))
    pool = np.tile(counts / counts.sum(), (3, 1))
    maps = (trust + (np.eye(3) - trust) @ pool) @ np.diag(1 / np.maximum(counts, 1))
    shrunk = np.diag((8 / (counts + 8)) ** 2 / 8)
    return maps @ (one_hot.T @ faces), maps @ np.diag(counts) @ maps.T + shrunk
