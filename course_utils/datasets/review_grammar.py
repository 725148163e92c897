"""A grammar of our own that writes short film reviews: the stand-in for IMDb's, always labelled as generated.

Half of the reviews are ordinary: opinions that mostly agree with the label, a contrary one now and then. The other
half are order pairs: two reviews of the very same words, each as often as in the other, in another order and with the
opposite label. Whatever looks only at which words occur how often answers both members of a pair alike, so it is
right on exactly one of them: a bag of words is at chance there by construction.

The order pairs of the test part are built from templates that training never uses. Their topics, films, jobs and names
occur nowhere in training; common words of their neutral sentences ("both", "were", "years") do. Their words of praise
and blame occur in training's ordinary reviews, but never in its order pairs: without having met them at all, no reader
could know which of two is the praise.

The reviews depend only on ``random.Random.random``, which Python promises to keep for a given seed, so they are the
same with every version and on every platform. `imdb.BUNDLED_SHA256` is their hash: whoever edits a line here makes a
new data set, on which every recorded number has to be measured again.
"""

import functools
import random
import re
from collections.abc import Sequence
from typing import NamedTuple

SEED = 20_240
TRAIN_ORDINARY, TRAIN_PAIRS = 4_000, 2_000
TEST_ORDINARY, TEST_PAIRS = 1_000, 500


def _listed(text: str) -> list[str]:
    """Read a list: its items stand apart by blanks, an underscore is a blank within an item."""
    return [item.replace("_", " ") for item in text.split()]


# Words of judgement, praise beside blame. Of each list the first half is for training's order pairs, the second half
# for the test's; ordinary reviews use all.
GOOD_ADJECTIVES = _listed("""
    brilliant superb wonderful charming gripping clever fresh inspired memorable engaging witty vivid touching
    thoughtful satisfying inventive stunning great funny exciting delicate moving sharp sincere excellent
    terrific splendid impressive convincing delightful elegant absorbing graceful lovely captivating rewarding
    beautiful perfect good marvellous enjoyable compelling powerful warm tender smart believable magnificent
""")
BAD_ADJECTIVES = _listed("""
    awful horrible dull tedious weak lazy clumsy stale silly annoying forgettable pointless shallow wooden
    messy sloppy tiresome ridiculous bland bad feeble ugly crude careless terrible dreadful boring poor flat
    disappointing predictable unconvincing hollow tired lifeless pathetic painful dreary mediocre irritating
    confused cheap embarrassing laughable uninspired worthless insipid amateurish
""")
GOOD_VERBS = _listed("works shines delights succeeds triumphs sparkles impresses soars convinces flourishes")
BAD_VERBS = _listed("fails drags disappoints stumbles falters bores collapses annoys sinks suffers")
GOOD_NOUNS = _listed("joy delight pleasure treat gem triumph success marvel treasure masterpiece")
BAD_NOUNS = _listed("mess bore chore failure fiasco disaster letdown flop nuisance muddle")
GOOD_FEELINGS = _listed("love admire recommend praise enjoy adore cherish treasure")
BAD_FEELINGS = _listed("hate despise regret condemn resent loathe dislike detest")

FILMS = _listed("""
    film movie picture drama comedy thriller western mystery romance musical sequel remake fantasy satire
    melodrama documentary fable farce
""")
TOPICS = _listed("""
    acting plot script story pacing ending opening music lighting humour editing cast direction writing
    dialogue atmosphere photography suspense romance chase finish mood tempo costume design staging score
""")
ADVERBS = _listed("very really truly quite simply remarkably consistently thoroughly surprisingly rather")
FIRST_NAMES = _listed("""
    Anna Bernard Clara Daniel Edith Felix Grace Henry Irene Jacob Laura Martin Nina Oscar Paula Robert Sylvia
    Thomas Vera Walter Hugo Ida Leon Marta Simon Ruth Peter Helen
""")
NAME_STARTS = _listed("Al Bar Cal Dor El Far Gar Hal Is Jar Kel Lan Mar Nor Or Pel Quin Ros Sal Tor Ul Ver Wal Yar Zel")
NAME_MIDDLES = _listed("a be di ga lo mi na ro sa ti ve wo")
NAME_ENDS = _listed("""
    berg croft dale field ford ham horn land ley man mond nell stein ston ton vale well wick wood worth
""")
JOBS = _listed("""
    baker captain carpenter clerk composer dancer detective doctor driver farmer fisherman gardener journalist
    judge lawyer librarian mechanic miner musician nurse painter pilot plumber poet policeman postman
    professor sailor scientist singer soldier spy student surgeon tailor teacher thief waiter widow writer
""")
PLACES = _listed("""
    in_a_mountain_village in_a_small_harbour_town in_a_crowded_city on_a_lonely_island at_a_desert_station
    in_an_old_castle at_a_country_school in_a_travelling_circus at_a_railway_hotel in_a_northern_forest
    in_a_space_colony in_a_border_town at_a_seaside_resort in_a_busy_hospital in_a_theatre_in_Vienna
    on_a_farm_in_Kansas in_a_suburb_of_Paris in_a_prison_near_the_coast aboard_a_ship_without_a_crew
    in_a_museum_at_night
""")
EVENTS = _listed("""
    loses_a_brother finds_a_letter inherits_a_house runs_from_the_police falls_in_love_with_a_stranger
    returns_after_twenty_years meets_an_old_rival witnesses_a_murder adopts_an_orphan
    discovers_a_family_secret wins_the_lottery wakes_up_without_a_memory plans_one_last_robbery
    searches_for_a_missing_sister changes_places_with_a_twin learns_to_dance builds_a_boat teaches_a_choir
    follows_a_map hides_a_wounded_enemy buys_a_strange_clock travels_back_in_time refuses_to_leave_home
    writes_to_a_dead_friend takes_the_wrong_train
""")
TIMES = _listed("""
    last_night on_Sunday yesterday on_a_long_flight during_the_holidays at_a_festival on_late_television
    with_my_sister with_two_friends with_my_parents in_a_tiny_cinema on_a_rainy_afternoon after_work
    for_the_second_time in_an_empty_theatre
""")

OPENINGS = [
    "I saw this {film} {time}.",
    "We watched this {film} {time}.",
    "I rented this {film} because {name} is in it.",
    "This {film} follows a {job} who {event}.",
    "{name} plays a {job} who {event}.",
    "The story takes place {place}, where a {job} {event}.",
    "Here is a {film} about a {job} who {event}.",
    "The {film} is set {place}.",
    "The {film} is about a {job}, played by {name}.",
    "{maker} directed this {film}.",
    "Everyone at school talked about this {film}, so I went to see it {time}.",
    "I had read the book by {maker} before I saw the {film}.",
    "I had never heard of {maker} before I saw this {film}.",
    "{name} and {other_name} star in this {film}.",
]
DETAILS = [
    "{other_name} appears as the {other_job}.",
    "Most of the action takes place {place}.",
    "Halfway through, the {job} meets the {other_job}.",
    "There is a long scene {place}.",
    "The running time is about {minutes} minutes.",
    "It was shot {place}.",
    "Later on we learn that the {other_job} {other_event}.",
    "The part of the {other_job} went to {other_name}.",
    "The {job} and the {other_job} share one scene.",
    "The music is by {maker}.",
    "In one scene the {job} {other_event}.",
]
PLAIN = [
    "The {topic} is {adjective}.",
    "The {topic} is {adverb} {adjective}.",
    "I found the {topic} {adjective}.",
    "I thought the {topic} was {adverb} {adjective}.",
    "Both the {topic} and the {other_topic} are {adjective}.",
    "The {topic} is {adjective} and {other_adjective}.",
    "The {topic} feels {adjective} from start to finish.",
    "Every scene with {name} is {adjective}.",
    "{name} is {adverb} {adjective} as the {job}.",
    "It is {adjective}, it is {other_adjective}, and the {topic} is {adverb} {third_adjective}.",
    "The {topic} {verb}.",
    "{name} {verb} in the role of the {job}.",
    "The scene in which the {job} {other_event} is {adjective}.",
    "I {feeling} the {topic}.",
    "The {film} is a {noun} and the {topic} {verb}.",
    "For me the {topic} was a {noun}.",
    "Whenever {name} is on screen, the {film} {verb}.",
    "With its {adjective} {topic}, the {film} {verb}.",
]
NEGATED = [
    "The {topic} is not {contrary}.",
    "The {topic} is never {contrary}.",
    "There is nothing {contrary} about the {topic}.",
    "Nobody could call the {topic} {contrary}.",
    "I did not find the {topic} {contrary} at all.",
    "The {topic} is hardly {contrary}.",
    "The {topic} is far from {contrary}.",
    "{name} is not {contrary} as the {job}.",
]
CONTRARY = [
    "True, the {topic} is {contrary}.",
    "I admit that the {topic} is a little {contrary}.",
    "Only the {topic} is {contrary}.",
    "At times the {topic} is {contrary}.",
    "Some scenes {place} are {contrary}.",
    "The {topic} could be called {contrary}.",
]
GOOD_CLOSINGS = """I would watch it again tomorrow.|Do not miss it.|Go and see it.|I left the cinema with a smile.
Highly recommended.|My favourite {film} of the year.|Eight out of ten.|Nine out of ten.|A real {noun}.
I laughed, I cried and I clapped.|The two hours flew by.|Worth every penny.|I {feeling} this {film}.
I will buy the disc as soon as I can.|Thank you, {maker}.|I wish there were more like it.
What a {noun}!|All in all, a {noun}.""".replace("\n", "|").split("|")
BAD_CLOSINGS = """I would not watch it again for money.|Avoid it.|Stay at home.|I left the cinema with a headache.
Save your money.|The low point of the year.|Two out of ten.|Three out of ten.|A real {noun}.
I yawned, I sighed and I left.|The two hours felt like ten.|Not worth the ticket.|I {feeling} this {film}.
I will give the disc away as soon as I can.|Shame on you, {maker}.|I want my evening back.
What a {noun}!|All in all, a {noun}.""".replace("\n", "|").split("|")
NEUTRAL_CLOSINGS = [
    "That is what I think.",
    "I went home by bus.",
    "It is out on disc now.",
    "Stay for the credits.",
    "You may see it differently.",
    "So much for the {film} by {maker}.",
]

# Deciding sentences of the order pairs, as the positive review has them. The negative one has praise and blame
# exchanged; where "|" divides a line, it has what follows instead, with the same words. Neither the first nor the last
# word of judgement decides more often than the other in the test's, so that no such short cut beats chance there.
TRAIN_TEMPLATES = [
    "The {topic} is not {bad}, it is {good}.",
    "I expected something {bad} and got something {good}.",
    "It was {bad} at first, but {good} by the end.",
    "Although the {topic} is {bad}, the {film} as a whole is {good}.",
    "The critics called it {bad}; I found it {good}.",
    "The {film} is more {good} than {bad}.",
    "What begins as {bad} turns out to be {good}.",
    "The {topic} may be {bad}, yet everything else is {good}.",
    "People say it is {bad}, but to me it is {good}.",
    "For ten minutes the {film} seems {bad}, then it becomes {good}.",
    "The {topic} is not {bad} and the {other_topic} is {good}.|"
    "The {topic} is {bad} and the {other_topic} is not {good}.",
    "Never {bad}, always {good}.",
    "It is {good} rather than {bad}.",
    "The trailer looked {bad}, the {film} itself is {good}.",
    "The {topic} {fails} early on, but the {film} {works} in the end.",
    "I feared a {mess} and found a {joy}.",
    "It could have been {bad}; instead it is {good}.",
    "Nothing about it is {bad} and nearly everything is {good}.",
    "Despite being {bad} in places, it stays {good} overall.",
    "Far from {bad}, the {topic} is {good}.",
    "It is hardly {bad}; {good} is the right word.",
    "My friend thought it was {bad}, whereas I think it is {good}.",
    "I do not {hate} this {film}, I {love} it.",
    "It is {good} in the end, though it looked {bad} at first.",
    "The whole thing is {good} and not {bad}.",
    "I call it a {joy}, whoever calls it a {mess}.",
    "Call it {good} if you like, but do not call it {bad}.",
    "I never thought it was {bad}; I always thought it was {good}.",
    "The {film} is {good} even if the {topic} is {bad}.",
    "It is {good}, it is not {bad}.",
    "The {film} is {good}, although the {topic} is {bad}.",
    "I find it {good}, whoever finds it {bad}.",
    "The end is {good}, however {bad} the first hour was.",
    "It turns out to be {good} after it began as something {bad}.",
    "The {good} scenes outnumber the {bad} ones.",
    "This {film} is {good} where the book was {bad}.",
    "I got something {good} where I feared something {bad}.",
    "The {film} {works}, even though the {topic} {fails}.",
    "I do not find the {topic} {bad}, I find the {other_topic} {good}.|"
    "I find the {topic} {bad}, I do not find the {other_topic} {good}.",
    "The {topic} is never {bad}, the {other_topic} is {good}.|The {topic} is {bad}, the {other_topic} is never {good}.",
]
TEST_TEMPLATES = [
    "For an hour the {topic} is {bad}, but it becomes {good} in the end.",
    "Do not say that the {topic} is {bad}; say that it is {good}.",
    "Some called it {bad}, but I call it {good}.",
    "I thought it was {bad} at first, and then it turns out {good}.",
    "The {film} {fails} for ten minutes, then it {works}.",
    "By the end the {film} is {good}, even if it is {bad} at first.",
    "The {topic} is {good}, not {bad}.",
    "I {love} the {film}, I do not {hate} it.",
    "I call the {film} {good}, though some call it {bad}.",
    "It is a {joy}, although I expected a {mess}.",
    "This {film} is {good} and the {topic} is not {bad}.|This {film} is not {good} and the {topic} is {bad}.",
    "It is never {bad} and the {topic} is {good}.|It is {bad} and the {topic} is never {good}.",
]
# What the order pairs of the test part use in the neutral places. No topic, film, job or name here occurs in training;
# of the openings and details only common words do.
TEST_TOPICS = _listed("""
    soundtrack screenplay narration choreography premise finale cinematography villain heroine prologue
    scenery wardrobe animation casting subplot twist
""")
TEST_FILMS = _listed("flick blockbuster spectacle production anthology epic biopic caper")
TEST_JOBS = _listed("""
    acrobat alchemist archer architect astronaut engineer innkeeper interpreter orderly umpire undertaker
    usher
""")
TEST_NAMES = _listed("Odile_Quist Ambrose_Fenn Ottilie_Brandt Cosmo_Pryce Zelda_Hartnoll Rufus_Okonma")
TEST_OPENINGS = [
    "My neighbour lent me this {film} over Easter.",
    "Our club screened it on a Thursday.",
    "An {job} and his grandmother quarrel over some diamonds.",
    "Two cousins smuggle paintings across Siberia.",
    "Newcomer {name} portrays an {job}.",
    "Admission cost eleven dollars.",
]
TEST_DETAILS = [
    "Afterwards our group discussed it over noodles.",
    "Subtitles were available.",
    "Seventeen years pass between both halves.",
    "Volcanoes, submarines and elephants feature prominently.",
    "Its creator previously worked for radio.",
    "Rumours concerning another instalment persist.",
]


class Review(NamedTuple):
    """One generated review.

    Attributes:
        text: What it says.
        label: 1 for praise, 0 for blame.
        pair: Number of its order pair, counted within its part; -1 for an ordinary review.
    """

    text: str
    label: int
    pair: int


class Part(NamedTuple):
    """Which words and sentences the order pairs of one part draw on.

    Attributes:
        templates: Deciding sentences.
        openings: First neutral sentences.
        details: Further neutral sentences.
        films: Words for a film.
        topics: Words for what is judged.
        jobs: Words for who is in the film.
        half: Which half of the words of judgement: 0 for training, 1 for test.
    """

    templates: Sequence[str]
    openings: Sequence[str]
    details: Sequence[str]
    films: Sequence[str]
    topics: Sequence[str]
    jobs: Sequence[str]
    half: int


TRAIN_PART = Part(TRAIN_TEMPLATES, OPENINGS, DETAILS, FILMS, TOPICS, JOBS, 0)
TEST_PART = Part(TEST_TEMPLATES, TEST_OPENINGS, TEST_DETAILS, TEST_FILMS, TEST_TOPICS, TEST_JOBS, 1)


def words(text: str) -> list[str]:
    """Split a text into its words: lower case, without punctuation; an apostrophe within a word stays.

    Args:
        text: Any text.

    Returns:
        The words in their order.
    """
    return re.findall(r"[^\W_]+(?:'[^\W_]+)*", text.lower())


@functools.cache
def generate() -> tuple[tuple[Review, ...], tuple[Review, ...]]:
    """Write all reviews, always the same.

    Returns:
        The 8,000 reviews of the training part and the 2,000 of the test part, each shuffled, half of each praise; no
        text occurs twice.
    """
    dice = _Dice(SEED)
    seen: set[str] = set()
    parts = []
    for part, ordinary, pairs in ((TRAIN_PART, TRAIN_ORDINARY, TRAIN_PAIRS), (TEST_PART, TEST_ORDINARY, TEST_PAIRS)):
        reviews = [Review(_new(seen, _ordinary, dice, index % 2)[0], index % 2, -1) for index in range(ordinary)]
        for pair in range(pairs):
            praise, blame = _new(seen, _order_pair, dice, part)
            reviews += [Review(praise, 1, pair), Review(blame, 0, pair)]
        dice.shuffle(reviews)
        parts.append(reviews)
    return tuple(parts[0]), tuple(parts[1])


class _Dice:
    """Random choices from `random()` alone, the one method whose numbers Python promises to keep."""

    def __init__(self, seed: int):
        self._random = random.Random(seed).random

    def chance(self, probability: float) -> bool:
        """Say yes with a probability."""
        return self._random() < probability

    def pick(self, choices: Sequence):
        """Take one of a sequence."""
        return choices[int(self._random() * len(choices))]

    def several(self, choices: Sequence, count: int) -> list:
        """Take so many different ones of a sequence."""
        left = list(choices)
        self.shuffle(left)
        return left[:count]

    def shuffle(self, items: list) -> None:
        """Reorder a list in place (Fisher and Yates)."""
        for last in range(len(items) - 1, 0, -1):
            other = int(self._random() * (last + 1))
            items[last], items[other] = items[other], items[last]


def _new(seen: set[str], write, dice: _Dice, argument) -> tuple[str, ...]:
    """Write until none of the texts has been there before."""
    while True:
        texts = write(dice, argument)
        if not seen & set(texts):
            seen.update(texts)
            return texts


def _ordinary(dice: _Dice, label: int) -> tuple[str]:
    """Write a review whose opinions mostly agree with its label."""
    negated = sum(dice.chance(0.2) for _ in range(dice.pick((2, 2, 3, 3))))
    body = dice.several(NEGATED, negated) + dice.several(PLAIN, dice.pick((1, 2, 2, 3)))
    body += dice.several(CONTRARY, dice.pick((0, 0, 1, 1, 2))) + dice.several(DETAILS, dice.pick((0, 1, 1, 2)))
    dice.shuffle(body)
    sentences = [dice.pick(OPENINGS), *body]
    if dice.chance(0.7):
        closings = GOOD_CLOSINGS if label else BAD_CLOSINGS
        sentences.append(dice.pick(NEUTRAL_CLOSINGS if dice.chance(0.4) else closings))
    setting = _setting(dice, TRAIN_PART)
    return (" ".join(_fill(sentence, _ordinary_words(dice, setting, label)) for sentence in sentences),)


def _ordinary_words(dice: _Dice, setting: dict[str, str], label: int) -> dict[str, str]:
    """Choose the words of one sentence of an ordinary review."""
    mine, other = (GOOD_ADJECTIVES, BAD_ADJECTIVES) if label else (BAD_ADJECTIVES, GOOD_ADJECTIVES)
    adjective, second, third = dice.several(mine, 3)
    return {
        **setting,
        **_sentence_words(dice, TRAIN_PART),
        "adjective": adjective,
        "other_adjective": second,
        "third_adjective": third,
        "contrary": dice.pick(other),
        "verb": dice.pick(GOOD_VERBS if label else BAD_VERBS),
        "noun": dice.pick(GOOD_NOUNS if label else BAD_NOUNS),
        "feeling": dice.pick(GOOD_FEELINGS if label else BAD_FEELINGS),
    }


def _order_pair(dice: _Dice, part: Part) -> tuple[str, str]:
    """Write two reviews of the same words in another order: praise, then blame."""
    setting = _setting(dice, part)
    context = [dice.pick(part.openings), *dice.several(part.details, dice.pick((0, 0, 1)))]
    context = [_fill(template, setting | _sentence_words(dice, part)) for template in context]
    praise, blame = [], []
    for template in dice.several(part.templates, 2 if dice.chance(0.35) else 1):
        neutral = setting | _sentence_words(dice, part)
        judging = _judging_words(dice, part.half)
        good_way, _, bad_way = template.partition("|")
        exchanged = judging if bad_way else {name: judging[opposite] for name, opposite in OPPOSITES.items()}
        praise.append(_fill(good_way, neutral | judging))
        blame.append(_fill(bad_way or good_way, neutral | exchanged))
    before = len(context) if dice.chance(0.7) else len(context) - 1
    return tuple(" ".join([*context[:before], *verdict, *context[before:]]) for verdict in (praise, blame))


OPPOSITES = {
    "good": "bad",
    "bad": "good",
    "works": "fails",
    "fails": "works",
    "joy": "mess",
    "mess": "joy",
    "love": "hate",
    "hate": "love",
}


def _judging_words(dice: _Dice, half: int) -> dict[str, str]:
    """Choose words of praise and blame from the half of each list that belongs to a part."""
    lists = {
        "good": GOOD_ADJECTIVES,
        "bad": BAD_ADJECTIVES,
        "works": GOOD_VERBS,
        "fails": BAD_VERBS,
        "joy": GOOD_NOUNS,
        "mess": BAD_NOUNS,
        "love": GOOD_FEELINGS,
        "hate": BAD_FEELINGS,
    }
    return {name: dice.pick(judging_half(listed, half)) for name, listed in lists.items()}


def judging_half(listed: Sequence[str], half: int) -> Sequence[str]:
    """Take the half of a list of judging words that one part's order pairs use.

    Args:
        listed: Words of praise or of blame.
        half: 0 for training, 1 for test.

    Returns:
        Half of the words.
    """
    middle = len(listed) // 2
    return listed[middle:] if half else listed[:middle]


def _setting(dice: _Dice, part: Part) -> dict[str, str]:
    """Choose what stays the same throughout a review: kind of film, people, place, what happens."""
    job, other_job = dice.several(part.jobs, 2)
    event, other_event = dice.several(EVENTS, 2)
    return {
        "film": dice.pick(part.films),
        "job": job,
        "other_job": other_job,
        "event": event,
        "other_event": other_event,
        "name": dice.pick(TEST_NAMES) if part.half else _name(dice),
        "other_name": _name(dice),
        "maker": _name(dice),
        "place": dice.pick(PLACES),
        "time": dice.pick(TIMES),
        "minutes": dice.pick(("eighty", "ninety", "a hundred", "a hundred and ten", "two hundred")),
    }


def _name(dice: _Dice) -> str:
    """Make up a name; most surnames are rare, as in real reviews, so that a reader meets unknown words."""
    surname = dice.pick(NAME_STARTS) + (dice.pick(NAME_MIDDLES) if dice.chance(0.6) else "") + dice.pick(NAME_ENDS)
    return f"{dice.pick(FIRST_NAMES)} {surname}"


def _sentence_words(dice: _Dice, part: Part) -> dict[str, str]:
    """Choose the neutral words that may change from sentence to sentence."""
    topic, other_topic = dice.several(part.topics, 2)
    return {"topic": topic, "other_topic": other_topic, "adverb": dice.pick(ADVERBS)}


def _fill(template: str, chosen: dict[str, str]) -> str:
    """Fill a template and begin it with a capital."""
    text = template.format(**chosen)
    return text[0].upper() + text[1:]
