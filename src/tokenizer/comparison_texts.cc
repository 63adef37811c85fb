#include "tokenizer/comparison.h"

namespace lathe::tokenizer {
namespace {

constexpr const char* kNews = R"(HARBOR CITY, Oct. 14 - After eleven hours of debate, the city council voted 7-4 on Tuesday night to rebuild the
century-old Mill Street Bridge rather than replace it, ending a dispute that has divided the waterfront for almost a decade.

"We heard from shipbuilders, shopkeepers and schoolchildren," Mayor Elena Vasquez told reporters outside the chamber. "Nobody
got everything they wanted, and I think that's usually how you know the work was done honestly."

The project, which engineers estimate will cost $48.6 million over three years, includes wider footpaths, a protected bicycle
lane and new lighting along both approaches. About 60% of the money will come from a state transportation fund; the rest is to
be raised through bonds. Opponents warned that the final bill could exceed $65 million if steel prices don't settle.

Traffic will be diverted to the Ferry Road tunnel beginning in March 2026. Local businesses, some of which reported losing a
third of their customers during the 2019 repairs, were promised tax relief and "clear, early notice" of any closure.

Council member Thomas Adeyemi, who voted against the plan, said he would ask for an independent audit. "It's a beautiful
bridge," he said. "But beauty isn't a budget."
)";

// A visit after ten years: an invented letter.
constexpr const char* kKorean =
    "\uC5B4\uC81C \uC624\uD6C4 \uB3C4\uC11C\uAD00\uC5D0\uC11C \uC624\uB79C \uCE5C\uAD6C\uB97C \uC6B0\uC5F0\uD788 "
    "\uB9CC\uB0AC\uC2B5\uB2C8\uB2E4. \uC6B0\uB9AC\uB294 \uACE0\uB4F1\uD559\uAD50\uB97C \uC878\uC5C5\uD55C \uB4A4"
    "\uB85C \uAC70\uC758 \uC2ED \uB144 \uB3D9\uC548 \uC11C\uB85C \uC5F0\uB77D\uC744 \uD558\uC9C0 \uBABB\uD588\uC2B5"
    "\uB2C8\uB2E4. \uCE5C\uAD6C\uB294 \uC9C0\uAE08\n"
    "\uBC14\uB2F7\uAC00 \uC791\uC740 \uB9C8\uC744\uC5D0\uC11C \uBE75\uC9D1\uC744 \uC6B4\uC601\uD558\uACE0 \uC788"
    "\uB2E4\uACE0 \uD588\uC2B5\uB2C8\uB2E4. \uC0C8\uBCBD \uB124 \uC2DC\uC5D0 \uC77C\uC5B4\uB098 \uBC18\uC8FD\uC744 "
    "\uC900\uBE44\uD558\uACE0, \uD574\uAC00 \uB730 \uBB34\uB835\uC774\uBA74 \uCCAB \uC190\uB2D8\uC774 \uBB38\uC744 "
    "\uB450\uB4DC\uB9B0\uB2E4\uACE0 \uD569\uB2C8\uB2E4.\n"
    "\n"
    "\"\uD798\uB4E4\uC9C0 \uC54A\uC544?\" \uD558\uACE0 \uC81C\uAC00 \uBB3C\uC5C8\uB354\uB2C8, \uCE5C\uAD6C\uB294 "
    "\uC6C3\uC73C\uBA74\uC11C \uC774\uB807\uAC8C \uB300\uB2F5\uD588\uC2B5\uB2C8\uB2E4. \"\uD798\uB4E4\uC9C0. \uADF8"
    "\uB7F0\uB370 \uC544\uCE68\uB9C8\uB2E4 \uBE75 \uB0C4\uC0C8\uB97C \uB9E1\uC73C\uBA74 \uB2E4 \uAD1C\uCC2E\uC544"
    "\uC838.\"\n"
    "\n"
    "\uC6B0\uB9AC\uB294 \uAC00\uAE4C\uC6B4 \uCC3B\uC9D1\uC73C\uB85C \uC790\uB9AC\uB97C \uC62E\uACA8 \uB2A6\uAC8C"
    "\uAE4C\uC9C0 \uC774\uC57C\uAE30\uB97C \uB098\uB204\uC5C8\uC2B5\uB2C8\uB2E4. \uCC3D\uBC16\uC5D0\uB294 \uAC00"
    "\uC744\uBE44\uAC00 \uB0B4\uB838\uACE0, \uAC70\uB9AC\uC758 \uBD88\uBE5B\uC774 \uC816\uC740 \uAE38 \uC704\uC5D0"
    "\uC11C \uCC9C\uCC9C\uD788 \uD754\uB4E4\uB838\uC2B5\uB2C8\uB2E4.\n"
    "\uB2E4\uC74C \uB2EC 15\uC77C\uC5D0\uB294 \uC81C\uAC00 \uADF8 \uB9C8\uC744\uB85C \uCC3E\uC544\uAC00\uAE30\uB85C"
    " \uC57D\uC18D\uD588\uC2B5\uB2C8\uB2E4. \uAE30\uCC28\uB85C 3\uC2DC\uAC04 20\uBD84\uCBE4 \uAC78\uB9B0\uB2E4"
    "\uACE0 \uD558\uB2C8, \uCC45 \uD55C \uAD8C\uC744 \uAC00\uC838\uAC00\uBA74 \uB531 \uC88B\uC744 \uAC83 \uAC19"
    "\uC2B5\uB2C8\uB2E4.\n";

constexpr const char* kCode = R"(from __future__ import annotations

import heapq
from collections import defaultdict
from dataclasses import dataclass, field


@dataclass(order=True)
class Stop:
    distance: float
    name: str = field(compare=False)


class RoadMap:
    """An undirected graph of places; edge weights are minutes."""

    def __init__(self) -> None:
        self._roads: dict[str, list[tuple[str, float]]] = defaultdict(list)

    def add_road(self, a: str, b: str, minutes: float) -> None:
        if minutes < 0:
            raise ValueError(f"negative travel time: {minutes!r}")
        self._roads[a].append((b, minutes))
        self._roads[b].append((a, minutes))

    def shortest(self, start: str, goal: str) -> tuple[float, list[str]]:
        best = {start: 0.0}
        previous: dict[str, str] = {}
        queue = [Stop(0.0, start)]
        while queue:
            here = heapq.heappop(queue)
            if here.name == goal:
                break
            if here.distance > best.get(here.name, float("inf")):
                continue  # a stale entry
            for neighbour, minutes in self._roads[here.name]:
                candidate = here.distance + minutes
                if candidate < best.get(neighbour, float("inf")):
                    best[neighbour] = candidate
                    previous[neighbour] = here.name
                    heapq.heappush(queue, Stop(candidate, neighbour))
        path = [goal]
        while path[-1] != start:
            path.append(previous[path[-1]])
        return best[goal], path[::-1]


if __name__ == "__main__":
    roads = RoadMap()
    for a, b, t in [("home", "mill", 4.5), ("mill", "port", 7), ("home", "port", 13)]:
        roads.add_road(a, b, t)
    print("%.1f minutes via %s" % (lambda r: (r[0], " -> ".join(r[1])))(roads.shortest("home", "port")))
)";

constexpr const char* kMath = R"(\documentclass[11pt]{article}
\usepackage{amsmath,amssymb,amsthm}
\newtheorem{lemma}{Lemma}
\begin{document}

\section{Convergence of the averaged iterates}
Let $f:\mathbb{R}^n \to \mathbb{R}$ be convex with $\|\nabla f(x)\| \le G$ for all $x$, and let
$x_{t+1} = x_t - \eta \nabla f(x_t)$ with a fixed step $\eta > 0$.

\begin{lemma}\label{lem:average}
For every $T \ge 1$ the average $\bar{x}_T = \frac{1}{T}\sum_{t=1}^{T} x_t$ satisfies
\begin{equation}
  f(\bar{x}_T) - f(x^\star) \;\le\; \frac{\|x_1 - x^\star\|^2}{2\eta T} + \frac{\eta G^2}{2}.
\end{equation}
\end{lemma}
\begin{proof}
By convexity, $f(x_t) - f(x^\star) \le \langle \nabla f(x_t),\, x_t - x^\star \rangle$. Expanding the square,
\begin{align*}
  \|x_{t+1} - x^\star\|^2 &= \|x_t - x^\star\|^2 - 2\eta \langle \nabla f(x_t), x_t - x^\star\rangle
      + \eta^2 \|\nabla f(x_t)\|^2 \\
  &\le \|x_t - x^\star\|^2 - 2\eta\bigl(f(x_t) - f(x^\star)\bigr) + \eta^2 G^2 .
\end{align*}
Summing over $t = 1, \dots, T$, the distances telescope; divide by $2\eta T$ and use Jensen's inequality.
\end{proof}
Choosing $\eta = \frac{\|x_1 - x^\star\|}{G\sqrt{T}}$ gives the rate $\mathcal{O}(1/\sqrt{T})$, and
$\int_0^\infty e^{-\lambda s}\,ds = \lambda^{-1}$ for $\lambda > 0$.
\end{document}
)";

constexpr const char* kScience = R"(Mangrove forests store carbon at rates that few ecosystems on land can match. Their tangled prop roots slow
the tide, so that suspended silt settles out and buries fallen leaves before oxygen can reach them. In the waterlogged,
sulfide-rich mud below, bacterial decomposition proceeds slowly; cores taken from undisturbed stands often contain organic matter
more than 2,000 years old. A typical hectare holds between 500 and 1,000 tonnes of carbon, of which four fifths lie underground.

When a forest is cleared for shrimp ponds, the exposed sediment dries and is oxidised within a few seasons. Flux-tower and chamber
measurements indicate emissions of roughly 50 to 150 tonnes of CO2 equivalent per hectare in the first decade, together with
smaller amounts of methane (CH4) and nitrous oxide (N2O). Restoration reverses the process only partially: photosynthesis recovers
within five to ten years, whereas the belowground store needs centuries. Salinity, temperature (optimally 25-30 degrees C) and the
relative rise of sea level, currently near 3.7 mm per year, determine whether replanted seedlings of Rhizophora or Avicennia can
keep pace by vertical accretion.
)";

}  // namespace

const std::vector<NamedText>& comparison_texts() {
  static const std::vector<NamedText> texts = {
      {"news", kNews}, {"korean", kKorean}, {"code", kCode}, {"math", kMath}, {"science", kScience}};
  return texts;
}

}  // namespace lathe::tokenizer
