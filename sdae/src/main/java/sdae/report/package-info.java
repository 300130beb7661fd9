/**
 * One self-contained HTML page about one or several runs: {@link sdae.report.RunData} reads what the trainer wrote,
 * {@link sdae.report.Pictures} draws from plain arrays, {@link sdae.report.HtmlReport} writes the page. Nothing here knows a
 * model, a tensor or a native library, so a report opens and builds on any machine with a Java.
 */
package sdae.report;
