// Facts about people, work, things, words and time. The form is explained in synth_world.cc.
#include "tasks/synth_world.h"

namespace lathe::tasks {

const std::string_view kPeopleFacts = R"(
@work
s {A x} {y}.
s Someone who {y} is called {a x}.
s It is {a x} who {y}.
q What does {a x} do?
q What is the work of {a x}?
r Who {y}?
r Which person {y}?
d baker:bakes bread|teacher:teaches children|doctor:helps sick people|farmer:grows food|tailor:sews clothes|carpenter:builds with wood|fisherman:catches fish|pilot:flies planes|sailor:works on a ship|cook:cooks meals|gardener:takes care of plants|painter:paints walls|singer:sings songs|writer:writes books|judge:decides who is right in court|barber:cuts hair|butcher:sells meat|mail carrier:brings letters|firefighter:puts out fires|dentist:repairs teeth|miner:digs coal out of the earth|shepherd:looks after sheep|plumber:mends water pipes|shoemaker:makes shoes|smith:shapes hot iron|librarian:lends books|nurse:takes care of patients|potter:makes pots out of clay|miller:grinds grain to flour|beekeeper:keeps bees
@workplace
s {A x} works in {a y}.
s You will find {a x} in {a y}.
s The place of work of {a x} is {a y}.
q Where does {a x} work?
q Where will you find {a x} at work?
r Who works in {a y}?
d baker:bakery|teacher:school|doctor:hospital|farmer:field|cook:kitchen|gardener:garden|librarian:library|judge:court|smith:forge|miner:mine|miller:mill|actor:theater|sailor:ship|waiter:restaurant|scientist:laboratory|tailor:workshop|keeper:lighthouse|clerk:office
@tool
s {A x} is used to {y}.
s With {a x} you can {y}.
s People use {a x} to {y}.
q What is {a x} used for?
q What can you do with {a x}?
r What do you use to {y}?
r Which thing do you need to {y}?
d knife:cut bread|hammer:drive in nails|broom:sweep the floor|saw:cut wood|needle:sew clothes|spoon:eat soup|key:open a lock|pen:write a letter|brush:paint a picture|comb:tidy your hair|ladder:reach high places|shovel:dig a hole|umbrella:stay dry in the rain|clock:tell the time|lamp:light a room|kettle:boil water|oven:bake a cake|rope:tie a boat|bucket:carry water|thermometer:measure heat|ruler:measure length|scale:measure weight|compass:find north|telescope:look at the stars|microscope:see very small things|map:find the way|net:catch fish|axe:chop wood|rake:gather leaves|pump:put air into a tire|candle:make light without a lamp|towel:dry your hands|soap:wash your hands|bell:call people together|pillow:rest your head|anchor:hold a ship in place|iron:make shirts smooth|magnet:pick up iron nails
@material
s {A x} is made of {y}.
s To make {a x}, you need {y}.
s {S x} are made of {y}.
q What is {a x} made of?
q What do you need to make {a x}?
r Which of these is made of {y}?
d window:glass|bottle:glass|mirror:glass|nail:iron|anchor:iron|horseshoe:iron|book:paper|newspaper:paper|letter:paper|sweater:wool|scarf:wool|brick:clay|flower pot:clay|tire:rubber|eraser:rubber|candle:wax|belt:leather|saddle:leather|snowman:snow|log:wood|pancake:flour
@category
s {A x} is {a y}.
s Every {x} is {a y}.
s We count {a x} as {a y}.
q What is {a x}?
q What kind of thing is {a x}?
r Which of these is {a y}?
r Which one of these can we call {a y}?
d hammer:tool|saw:tool|shovel:tool|axe:tool|rake:tool|shirt:piece of clothing|coat:piece of clothing|sweater:piece of clothing|hat:piece of clothing|chair:piece of furniture|table:piece of furniture|bed:piece of furniture|cupboard:piece of furniture|drum:musical instrument|flute:musical instrument|violin:musical instrument|piano:musical instrument|trumpet:musical instrument|car:vehicle|bus:vehicle|train:vehicle|bicycle:vehicle|truck:vehicle|doll:toy|kite:toy|puzzle:toy|triangle:shape|circle:shape|square:shape|tea:drink|juice:drink|milk:drink|lemonade:drink|ring:piece of jewelry|necklace:piece of jewelry
@opposite
s The opposite of {x} is {y}.
s {X} is the opposite of {y}.
s If something is not {x}, it may be {y}.
q What is the opposite of {x}?
q Which word means the opposite of {x}?
d big:small|small:big|hot:cold|cold:hot|long:short|short:long|old:new|new:old|fast:slow|slow:fast|high:low|low:high|light:dark|dark:light|wet:dry|dry:wet|hard:soft|soft:hard|full:empty|empty:full|open:closed|closed:open|happy:sad|sad:happy|good:bad|bad:good|strong:weak|weak:strong|rich:poor|poor:rich|loud:quiet|quiet:loud|clean:dirty|dirty:clean|early:late|late:early|thick:thin|thin:thick|wide:narrow|narrow:wide|deep:shallow|shallow:deep|right:wrong|wrong:right|near:far|far:near|easy:difficult|difficult:easy|brave:afraid|sweet:sour|sharp:blunt|smooth:rough|rough:smooth|alive:dead|asleep:awake|awake:asleep|cheap:expensive|expensive:cheap
@past
s The past tense of "{x}" is "{y}".
s Today I {x}, yesterday I {y}.
s We say "{x}" today and "{y}" for yesterday.
q What is the past tense of "{x}"?
q Which word is the past of "{x}"?
d go:went|see:saw|come:came|eat:ate|take:took|give:gave|run:ran|write:wrote|sing:sang|swim:swam|drink:drank|find:found|think:thought|bring:brought|buy:bought|catch:caught|teach:taught|fly:flew|know:knew|grow:grew|speak:spoke|break:broke|sleep:slept|keep:kept|feel:felt|leave:left|make:made|tell:told|sell:sold|stand:stood|win:won|fall:fell|hold:held|hear:heard|ride:rode|drive:drove
@plural
s The plural of "{x}" is "{y}".
s One {x}, two {y}.
s If there is more than one {x}, we say "{y}".
q What is the plural of "{x}"?
q Which word do we use for more than one {x}?
d mouse:mice|goose:geese|man:men|woman:women|child:children|foot:feet|tooth:teeth|knife:knives|leaf:leaves|wolf:wolves|box:boxes|city:cities|berry:berries|potato:potatoes|watch:watches|shelf:shelves
@next
s After {x} comes {y}.
s {Y} comes right after {x}.
s When {x} is over, {y} begins.
q What comes after {x}?
q Which one follows {x}?
r What comes before {y}?
r What is right before {y}?
d Monday:Tuesday|Tuesday:Wednesday|Wednesday:Thursday|Thursday:Friday|Friday:Saturday|Saturday:Sunday|Sunday:Monday|January:February|February:March|March:April|April:May|May:June|June:July|July:August|August:September|September:October|October:November|November:December|December:January|spring:summer|summer:autumn|autumn:winter|winter:spring
@count
s There are {y} {x}.
s If you count the {x}, you get {y}.
q How many {x} are there?
q If you count the {x}, how many do you get?
d days in a week:seven|months in a year:twelve|seasons in a year:four|hours in a day:twenty-four|minutes in an hour:sixty|seconds in a minute:sixty|fingers on one hand:five|toes on both feet:ten|wheels on a bicycle:two|wheels on a car:four|letters in the alphabet:twenty-six|sides of a triangle:three|sides of a square:four|eggs in a dozen:twelve|years in a century:one hundred|legs on a chair:four|colors in a rainbow:seven|strings on a violin:four
@body
s We use our {x} to {y}.
s With your {x} you can {y}.
s The {x} help us to {y}.
q What do we use our {x} for?
q What can you do with your {x}?
r What do we use to {y}?
r Which part of the body helps us to {y}?
d eyes:see|ears:hear|legs:walk|teeth:chew|lungs:breathe|hands:hold things|feet:stand
@travels
s {A x} travels {y}.
s You can see {a x} {y}.
s {S x} travel {y}.
q Where does {a x} travel?
q Where can you see {a x}?
r Which of these travels {y}?
d boat:on water|ship:on water|ferry:on water|canoe:on water|train:on rails|tram:on rails|plane:in the air|balloon:in the air|helicopter:in the air|car:on the road|bus:on the road|truck:on the road|sled:on snow|submarine:under water
@capital
s The capital of {x} is {y}.
s {Y} is the capital of {x}.
s If you travel to {x}, you may visit its capital, {y}.
q What is the capital of {x}?
q Which city is the capital of {x}?
r Of which country is {y} the capital?
r {Y} is the capital of which country?
d France:Paris|Germany:Berlin|Italy:Rome|Spain:Madrid|England:London|Japan:Tokyo|China:Beijing|Russia:Moscow|Egypt:Cairo|Greece:Athens|Poland:Warsaw|Austria:Vienna|Portugal:Lisbon|Norway:Oslo|Sweden:Stockholm|Ireland:Dublin|Canada:Ottawa|Cuba:Havana|Peru:Lima|Kenya:Nairobi
)";

}  // namespace lathe::tasks
