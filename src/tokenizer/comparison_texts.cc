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

constexpr const char* kKorean = R"(어제 오후 도서관에서 오랜 친구를 우연히 만났습니다. 우리는 고등학교를 졸업한 뒤로 거의 십 년 동안 서로 연락을 하지 못했습니다. 친구는 지금
바닷가 작은 마을에서 빵집을 운영하고 있다고 했습니다. 새벽 네 시에 일어나 반죽을 준비하고, 해가 뜰 무렵이면 첫 손님이 문을 두드린다고 합니다.

"힘들지 않아?" 하고 제가 물었더니, 친구는 웃으면서 이렇게 대답했습니다. "힘들지. 그런데 아침마다 빵 냄새를 맡으면 다 괜찮아져."

우리는 가까운 찻집으로 자리를 옮겨 늦게까지 이야기를 나누었습니다. 창밖에는 가을비가 내렸고, 거리의 불빛이 젖은 길 위에서 천천히 흔들렸습니다.
다음 달 15일에는 제가 그 마을로 찾아가기로 약속했습니다. 기차로 3시간 20분쯤 걸린다고 하니, 책 한 권을 가져가면 딱 좋을 것 같습니다.
)";

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
