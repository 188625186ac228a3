import { html } from "../dom.js";
import { address } from "../router.js";
import { share, startShare } from "../share.js";

const TITLE = "What a wake remembers";

/** A story to be read to its end, with a film: for what is captured of readers and watchers. */
export const article = () => ({
  title: TITLE,
  markup: html`<article class="prose"><p class="eyebrow">The log</p><h1>${TITLE}</h1>
    <p class="lead">A ship tells the water where it has been. For a while, the water answers.</p>
    <figure><video id="film" controls playsinline preload="metadata" width="640" height="360" src="media/wake.webm"
      poster="media/wake.svg" title="A boat and its wake"></video><figcaption>Twelve seconds at sea. Watch it to the
      end and the panel will know.</figcaption></figure>
    <p>Stand at the stern of any boat and look back. The line that it draws is bright at first, almost solid. A little
      further off it opens like a fan, thirty-nine degrees wide, whoever steers and however fast. Further still you
      would swear that there is nothing, but a gull knows: the surface there is smoother, and small fish come up.</p>
    <h2>The first ten metres</h2>
    <p>Here all is foam. Everything that the hull did in the last seconds can be read: a hand on the tiller that
      hesitated, a gust, somebody who walked to the other side to see a lighthouse. It is the most exact record there
      is, and it is worth the most while it is fresh. In ten minutes nobody will be able to say why the line bends.</p>
    <p>Shops are like that. Somebody picked up a lantern, put it down, came back to it: that is foam. A report next
      Tuesday will show that lanterns did well.</p>
    <h2>The fan</h2>
    <p>Behind the foam the waves sort themselves. Long ones travel fast and lie outside, short ones stay near the
      middle. From their spacing you can tell the speed of a ship that is already below the horizon. One wave says
      nothing; their pattern says nearly everything.</p>
    <p>A visit sorts itself as well. Three things looked at within ten minutes mean more than thirty in a year. A full
      cart and a minute of silence mean something that neither of them means alone.</p>
    <h2>The smooth water</h2>
    <p>And at last there is the part that does not show. It is there for those who know how to look, and it fades at
      its own pace unless another ship comes by. A good memory knows how to fade: what was true of you in spring ought
      not to follow you into autumn.</p>
    <p>The old pilots had a word for the water just behind a boat. They said that it was the only place on the
      sea where you could be sure that somebody had been. <em>Sillage</em>: it is also what they call the scent that
      stays in a room when a person has left it.</p>
    ${share(TITLE, location.origin + address("story/wake"))}
    <p><a class="button" href="c/galley">See the lantern from the story</a></p></article>`,
  ready: (main) => startShare(main, TITLE, location.origin + address("story/wake")),
});
