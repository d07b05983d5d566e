// Links between the Markdown files of this repository, and to their headings,
// must lead somewhere. Links to the web are not followed.
import validateLinks from 'remark-validate-links'

export default {plugins: [[validateLinks, {repository: false}]]}
