// Descriptions of places, people, animals, days and how things are done. The form is explained in synth_plots.h.
#include "tasks/synth_plots.h"

namespace lathe::tasks {
namespace {

constexpr std::string_view kDescriptions = R"(
@kitchen child
?the kitchen of {elder}
+ The kitchen of {elder} is [small but bright|warm and full of good smells|the best room in the house].
- Beside the [door|window] stands a [round|long|heavy] wooden table with [four|six|two] chairs.
/ In the middle there is a [big|round|low] table, and on it lies a [blue|red|white|green] cloth.
- On the wall hang [copper pots|wooden spoons|two old pans], and below them is the stove.
/ The stove is [black|old|made of iron], and in winter it is never cold.
- A [gray|black|white|striped] cat [sleeps under the bench|sits on the window sill|lies in front of the stove].
/ There is always a bowl of [apples|nuts|pears] on the shelf.
+ In the morning it smells of [fresh bread|warm milk|tea]. In the evening it smells of [soup|baked apples|wood smoke].
/ When it rains, you can hear the drops on the roof.
- {n} likes to sit here and [listen to stories|watch the fire|peel apples].
/ Anyone who comes in gets [a cup of tea|a piece of cake|a warm place to sit].

@market none
?a market
day = [Monday|Tuesday|Wednesday|Thursday|Friday|Saturday]
+ Every {day} there is a market [in the old square|in front of the town hall|beside the river].
/ {day} is market day, and people come from [all the villages|far away|both sides of the river].
- The first carts arrive before the sun is up.
/ Early in the morning the tables are put up, and each one has a roof of colored cloth.
- One woman sells [eggs and cheese|honey and candles|flowers], and the man beside her sells [fish|baskets|pots and pans].
/ There are [apples, pears and plums|carrots, beans and onions|hats, gloves and scarves], and there is [bread|cheese|honey] from the mountains.
- Children run between the tables and [look for the man with the sweets|laugh and shout|chase a little dog].
/ A man with a [drum|fiddle|flute] plays [old songs|the same tune again and again], and a few people dance.
+ At noon it is so full that you can hardly walk.
/ By noon the best things are gone.
- In the afternoon the carts go home, and the [sparrows|pigeons] eat the crumbs.
/ When the bell strikes four, everything is packed up, and the square is quiet again.

@season none
?the {season}
season = [spring]
+ In spring the days grow longer and the air becomes [mild|soft|warm].
/ Spring begins when the last snow melts.
- The first flowers [come out of the ground|open in the grass], and the trees put on new leaves.
/ In the fields the farmers plow the ground and sow their seeds.
- Birds come back from the south and build their nests.
/ Lambs and calves are born, and they take their first steps in the grass.
- It often rains, but the rain is [warm|short|soft], and the gardens need it.
/ Sometimes it rains and the sun shines at the same time. Then you may see a rainbow.
+ After the long winter, everyone is glad to be outside.
/ People open their windows, and children play in the street until evening.

@summer none
?summer
+ Summer is the warmest time of the year.
/ In summer the sun rises early and sets late.
- The days are long and the nights are short.
/ At noon it can be so hot that even the dogs lie in the shade.
- Children [swim in the lake|run through the fields|eat ice cream], and nobody wears a coat.
/ Cherries and berries are ripe, and bees fly from flower to flower.
- On some evenings there is a storm with thunder and lightning. After it the air is cool and clean.
/ In the evening people sit outside and talk until the stars come out.
+ At the end of summer the grain is yellow, and the farmers bring it in.
/ When the first leaves turn yellow, summer is over.

@autumn none
?autumn
+ In autumn the leaves turn [yellow, red and brown|red and gold], and then they fall.
/ Autumn comes after summer. The days grow shorter and cooler.
- Farmers pick apples and dig potatoes out of the ground.
/ It is the time of pumpkins, nuts and mushrooms.
- The wind is strong, and children let their kites fly on the hill.
/ In the morning there is fog over the river, and the grass is wet.
- Many birds fly to the south, where it is warm.
/ Squirrels hide nuts for the winter, and the hedgehog looks for a place to sleep.
+ People gather wood for the cold days and cook jam from the last berries.
/ In the evening it is dark early, and lamps shine in the windows.

@winter none
?winter
+ Winter is the coldest season. The water in the lake turns to ice.
/ In winter the days are short and the nights are long and cold.
- Snow lies on the roofs, and the whole land is white and quiet.
/ When it snows, children build a snowman and pull their sleds up the hill.
- People wear [coats, gloves and warm hats|thick coats and boots], and you can see their breath in the air.
/ The trees have no leaves, and only the fir trees are still green.
- Some animals, such as the bear and the hedgehog, sleep until spring.
/ Birds find little to eat, so many people put out seeds for them.
+ At home it is warm, and there is hot soup and tea with honey.
/ When the ice begins to melt, everyone knows that spring is near.

@portrait child
?{elder}
job = [baker|teacher|gardener|carpenter|shoemaker|doctor|fisherman|tailor|farmer|librarian]
+ {elder} lives [at the end of our street|beside the church|in the house with the green door] in {town}.
/ Everybody in {town} knows {elder}.
- For [twenty|thirty|forty] years {ehe} worked as a {job}, and {ehe} still talks about it.
/ {EHe} was once a {job}, the best one for miles around.
- {EHe} has [gray|white|short white|long gray] hair, [blue|brown|green] eyes and a [deep|soft|loud|warm] voice.
/ {EHe} is [tall and thin|small and round|not very tall], and {ehe} always wears [a red scarf|an old straw hat|a blue coat].
- When {ehe} laughs, [everyone has to laugh with {ehim}|you can hear it three houses away].
/ {EHe} speaks little, but what {ehe} says is worth hearing.
+ In the morning {ehe} [feeds the birds|waters the flowers|walks to the river with {ehis} dog].
/ On Sundays {ehe} [bakes a cake for the neighbors|plays chess in the park|mends old clocks].
- {n} visits {ehim} after school, and they [drink tea|read a book|work in the garden] together.
/ {EHe} has time for everybody, above all for {n}, who comes by almost every day.
- "A day without a friend is a long day," {ehe} likes to say.
/ People say that {ehe} has never been angry in {ehis} life.

@pet child
?the {pet} of {n}
pet = [dog|cat|parrot|rabbit|pony|tortoise|hen|hamster]
name = [Spot|Button|Pepper|Snow|Biscuit|Lucky|Plum|Shadow]
+ {n} has {a pet} named {name}.
/ The {pet} of {n} is called {name}.
- {name} is [brown and white|black|gray|light brown|white with black spots] and [very curious|a little lazy|rather shy|always hungry].
/ {He} got {name} from {elder} [two|three|four] years ago, when {name} was very small.
- Every morning {n} gives {name} food and fresh water.
/ {n} takes good care of {name}. Food comes first, then water, and then there is time to play.
- At night {name} sleeps [in a basket beside the bed|on an old blanket|in a box full of straw].
/ The favorite place of {name} is [the garden|the sunny corner of the yard|the spot under the table].
+ Once {name} ran away. {n} looked everywhere, and found {name} [in the kitchen of {fn}|asleep in the hay|under the stairs].
/ When {n} is sad, {name} comes and sits beside {him}.
- {n} says that {name} is {his} best friend.
/ Nobody knows what {name} thinks, but {n} believes that {name} understands every word.

@morning child
?a morning in the life of {n}
+ {n} gets up at [six|seven] o'clock. First {he} [opens the window|washes {his} face|makes {his} bed].
/ When the rooster crows, {n} jumps out of bed.
- Then {he} puts on {his} [shirt|sweater] and {his} shoes and goes down to the kitchen.
/ After that {he} brushes {his} teeth and combs {his} hair.
- For breakfast {he} eats [bread with honey|a bowl of porridge|an egg and some toast|an apple and some cheese] and drinks [milk|tea|water].
/ {His} [mother|father] has already made tea, and they eat together.
- At half past seven {he} takes {his} bag and walks to school with {fn}.
/ Then {fn} knocks at the door, and the two of them walk to school.
+ On the way they [talk about the day before|count the boats on the river|say good morning to the baker].
/ They walk [past the bakery|over the bridge|along the park], and they are almost never late.

@planting none
?how to plant {a plant}
plant = [bean|sunflower|pea|pumpkin]
+ To plant {a plant}, choose a [sunny|warm] place in the garden.
- Make a small hole in the soil, about as deep as your finger.
- Put the seed into the hole and cover it with earth.
- Give it water [every day|every second day], but not too much.
- After [one or two weeks|ten days] you will see a small green leaf. [Now it needs sun, water and patience.|Protect it from snails.]

@river none
?a river
+ The river begins [high in the mountains|as a small spring under a rock].
- At first it is [narrow and fast|so small that you can jump over it], and its water is [cold and clear|as cold as ice].
- Then other streams join it, and it becomes [wide and slow|bigger and calmer].
- Fish swim in it, ducks nest in the reeds, and now and then {a bird} stands in the shallow water.
- It flows past [fields and villages|meadows and mills|woods and farms], and people cross it [on bridges|on a ferry|in small boats].
- In the end it reaches the sea.
bird = [heron|stork]

@workday child
?a day of {a job}
job = [baker]
+ {n} knows a baker who starts work in the middle of the night.
/ While the others are asleep, the baker is already at work, and sometimes {n} may watch him.
- He mixes flour, water, salt and yeast, and he kneads the dough with strong hands.
/ First he heats the oven. Then he weighs the flour and mixes the dough.
- When the dough has risen, he makes loaves and rolls of it and puts them into the oven.
/ The dough must rest for an hour, and after that it goes into the hot oven.
- At six o'clock the bread is ready, and the whole street smells of it.
/ By the time the sun comes up, the shelves are full of fresh bread.
+ Then the first people come. Most of them want [rolls|a loaf of brown bread|a loaf of white bread].
/ {n} gets a warm roll as a present and eats it on the way to school.
- In the afternoon, when others work, the baker goes to bed.

@lighthouse none
?a lighthouse
+ On the rocks [in front of the harbor|at the end of the bay] stands an old lighthouse.
- It is [white with a red stripe|white and very tall|built of gray stone], and [ninety|one hundred|two hundred] steps lead to the top.
- Every evening the keeper climbs up and lights the lamp.
- Its light turns in a circle, and sailors can see it from far away.
- In fog, when nobody can see the light, he rings a big bell.
- [Many ships have found their way home because of him.|No ship has run onto the rocks since it was built.]

@forest none
?a forest
+ In the forest it is [quiet and cool|green and dim], even on a hot day.
- [Tall|Old] [oaks|beeches|pines] stand close together, and soft moss covers the ground.
- If you stand still, you can hear [a woodpecker at work|the wind in the leaves|a small stream].
- [Deer|Foxes] live here, and so do [owls|squirrels|badgers], but you rarely see them.
- In autumn people come with baskets to look for mushrooms.
- You should stay on the path, for it is easy to lose the way.

@school child
?the school in {town}
+ The school in {town} has only [two|three|four] rooms, but it has a [big yard|garden|bell].
- At eight o'clock the bell rings, and the children go inside.
- In the first lesson they [read|write|do sums], and after that they [sing|draw|learn about animals and plants].
- {n} sits [beside {fn}|next to the window|in the front row]. {His} favorite lesson is [music|reading|drawing|arithmetic].
- At noon they eat their bread in the yard and play [tag|ball|hide and seek].
- When the last lesson is over, [{n} and {fn} walk home together|everyone runs home].
@picture none
?a picture on the wall
c1 = [red|blue|green|yellow|white|black|brown|gray]
c2 = [red|blue|green|yellow|white|black|brown|gray]
c3 = [red|blue|green|yellow|white|black|brown|gray]
t1 = [house|boat|tree|bridge|tower|mill|church|barn|ship|castle]
t2 = [dog|horse|cow|cat|goat|duck|fox|rabbit]
t3 = [hat|coat|dress|scarf|cap|bag]
who = [man|woman|girl|boy|farmer|sailor|king|queen|baker|hunter]
+ In the picture you can see {a c1} {t1}.
/ The picture shows {a c1} {t1}.
/ On the wall hangs a picture of {a c1} {t1}.
- [Beside it|In front of it|To the left of it|To the right of it] [stands|is] {a who} with {a c2} {t3}.
/ {A who} with {a c2} {t3} stands [beside it|in front of it|behind it].
- [Not far away|Near the edge|In the middle|Under a tree], {a c3} {t2} [is asleep|is looking at something|is waiting|is running].
- The sky is [blue|gray|full of clouds|dark|red from the evening sun], and [it looks like spring|it looks like autumn|it looks cold|a few birds fly by|there is no wind].
+ [Nobody knows who painted it.|It was painted a hundred years ago.|It is a small picture, but I like to look at it.|When you look at it for a long time, you want to step inside.]

@room child
?the room of {n}
c1 = [red|blue|green|yellow|white|brown]
c2 = [red|blue|green|yellow|white|brown]
t1 = [bed|desk|shelf|chest|chair]
t2 = [lamp|clock|globe|mirror|drum|plant]
t3 = [books|shells|stones|stamps|pencils|toys]
+ The room of {n} is [small|bright|long and narrow|under the roof|next to the kitchen].
- {He} has {a c1} {t1} [beside the window|beside the door|in the corner|against the wall].
- On the [shelf|table|window sill] there is {a c2} {t2}, and [under the bed|in a box|on the floor] {he} keeps {his} {t3}.
- The walls are [white|light blue|yellow|green], and [a map|a picture of {elder}|a calendar|a kite] hangs [above the bed|over the door|between the windows].
- From the window you can see [the river|the church|the market|a big tree|the mountains|the yard].
+ When [{fn}|{elder}] comes to visit, they sit on the [floor|bed|carpet] and [play|talk|read|look at the {t3}].
/ {n} likes {his} room best [in the evening|in the morning|when it rains|in winter], when [it is quiet|the lamp is lit|the sun shines in|nobody disturbs {him}].

@trip child
?a trip of {n} and {fn}
day = [Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday]
place = [the lake|the old castle|the forest|the sea|the zoo|the mountain|the harbor|the big city|the waterfall]
food = [bread and cheese|apples and nuts|cake and tea|sandwiches|eggs and bread|cherries]
saw = [a heron|a fox|two deer|a ship with red sails|a rainbow|an old tower|a man with a bear|a field of poppies]
+ On {day}, {n} and {fn} went to {place} with {elder}.
/ {elder} took {n} and {fn} to {place} on {day}.
- They left at [six|seven|eight|nine] o'clock and traveled by [train|bus|boat|bicycle|cart].
- The weather was [fine|warm|a little cold|windy|sunny], so they [sang all the way|looked out and talked|wore their [red|blue|green|thick] coats|had to hold on to their hats].
- At noon they sat down [under a tree|on a wall|on a blanket|beside the water] and ate {food}.
- Later they saw {saw}. "[I have never seen anything like it|Look, how beautiful|I will draw that at home]!" said {fn}.
+ In the evening they were [tired|hungry|wet|covered with dust] but happy, and {n} [fell asleep at once|dreamed of {place}|told {his} family everything|wrote a long letter about it].

@shop child
?the shop of {elder}
a1 = [candles|buttons|ropes|brushes|cups|hats|seeds]
a2 = [nails|soap|ribbons|jars of honey|pencils|baskets|gloves]
a3 = [a clock without hands|a stuffed owl|a ship in a bottle|a very old map|a parrot in a cage|a bell from a ship]
+ {elder} has a small shop [near the bridge|beside the school|behind the church|in the main street] of {town}.
- There you can buy {a1} and {a2}, and [many other things|almost everything else].
- Above the door you can see {a3}. It is not for sale.
- On [Monday|Wednesday|Friday] {n} helps {ehim}: {he} [sweeps the floor|counts the {a1}|puts the {a2} in order|opens the door for the customers].
+ "[A good shop needs a good smell|Every thing finds its owner|The first customer brings luck]," {elder} says, and {ehe} [laughs|winks|offers {n} a sweet].
/ Most people buy only [one or two things|a few {a1}], but they stay for [an hour|a long time], because {elder} [tells such good stories|knows all the news|makes such good tea].
)";

}  // namespace

const std::vector<Plan>& description_plans() {
  static const std::vector<Plan> kPlans = parse_plans(kDescriptions);
  return kPlans;
}

}  // namespace lathe::tasks
