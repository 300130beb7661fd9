/**
 * Arms times seeds: {@link sdae.study.StudyFile} says what is compared, {@link sdae.study.Study} trains and measures what is
 * missing, {@link sdae.study.StudyTable} puts the figures side by side with their intervals.
 */
package sdae.study;
