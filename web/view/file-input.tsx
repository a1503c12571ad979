import { acceptedFiles } from '../state/picked-files.ts';

interface FileInputProps {
  readonly input: { current: HTMLInputElement | null };
  readonly label: string;
  readonly several?: boolean;
  readonly folder?: boolean;
  readonly pick: (files: readonly File[]) => void;
}

/** The hidden field behind a button that opens the browser's own dialog for files, or for a folder. */
export function FileInput({ input, label, several = false, folder = false, pick }: FileInputProps) {
  return (
    <input
      ref={input}
      class="visually-hidden"
      type="file"
      accept={folder ? undefined : acceptedFiles}
      {...(folder ? { webkitdirectory: true } : {})}
      multiple={several || folder}
      // The button is what people hear of, and go to.
      tabIndex={-1}
      aria-hidden="true"
      aria-label={label}
      onChange={(event) => {
        const files = [...(event.currentTarget.files ?? [])];
        // The same file can be picked again.
        event.currentTarget.value = '';
        pick(files);
      }}
    />
  );
}
